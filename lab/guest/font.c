// SPDX-License-Identifier: Apache-2.0

#include "font.h"

#include <stdbool.h>
#include <stddef.h>

#define MARGIN_UNITS 1 // left of and above the grid
#define SUBPIXELS 16   // coordinates below are in 1/16 of a pixel
#define PEN_RADIUS_PERCENT 66

// Each glyph is a list of strokes, separated by spaces; each stroke is a list of
// points: a digit for the column (0 to 6), a letter for the row. Row a is the
// top of a capital, d the top of a small letter, k the base line, o the bottom
// of a descender. A stroke of one place twice is a dot.
static const char *const glyphs[FONT_CHARACTERS] = {
    /*   */ "",
    /* ! */ "3a3g 3k3k",
    /* " */ "2a2c 4a4c",
    /* # */ "2a1k 5a4k 0d6d 0h6h",
    /* $ */ "6c5b1b0c0d1e5f6g6i5j1j0i 3a3k",
    /* % */ "6a0k 0a1a1b0b0a 5j6j6k5k5j",
    /* & */ "6k1d1b2a3a4b4c0g0j1k3k6g",
    /* ' */ "3a3c",
    /* ( */ "4a2d2h4k",
    /* ) */ "2a4d4h2k",
    /* * */ "3b3h 0c6g 6c0g",
    /* + */ "3c3i 0f6f",
    /* , */ "3j3k2m",
    /* - */ "1f5f",
    /* . */ "3k3k",
    /* / */ "6a0k",
    /* 0 */ "2a4a6c6i4k2k0i0c2a",
    /* 1 */ "1c3a3k 1k5k",
    /* 2 */ "0b1a5a6b6d0k6k",
    /* 3 */ "0b1a5a6b6d5e2e 5e6f6j5k1k0j",
    /* 4 */ "5k5a0h6h",
    /* 5 */ "6a0a0e5e6f6j5k1k0j",
    /* 6 */ "6b5a1a0b0j1k5k6j6f5e1e0f",
    /* 7 */ "0a6a2k",
    /* 8 */ "2a4a5b5d4e2e1d1b2a 2e0g0j1k5k6j6g4e",
    /* 9 */ "6e5f1f0e0b1a5a6b6j5k1k0j",
    /* : */ "3e3e 3j3j",
    /* ; */ "3e3e 3j3k2m",
    /* < */ "5b1f5j",
    /* = */ "1d5d 1h5h",
    /* > */ "1b5f1j",
    /* ? */ "0b1a5a6b6d3f3h 3k3k",
    /* @ */ "4d2d2g4g4d 4g6g6b5a1a0b0j1k5k",
    /* A */ "0k3a6k 1g5g",
    /* B */ "0k0a4a5b5d4e0e 4e5e6f6j5k0k",
    /* C */ "6b5a1a0b0j1k5k6j",
    /* D */ "0k0a4a6c6i4k0k",
    /* E */ "6a0a0k6k 0e5e",
    /* F */ "6a0a0k 0e5e",
    /* G */ "6b5a1a0b0j1k5k6j6f4f",
    /* H */ "0a0k 6a6k 0e6e",
    /* I */ "1a5a 3a3k 1k5k",
    /* J */ "2a6a 5a5j4k1k0j0h",
    /* K */ "0a0k 6a0g 2e6k",
    /* L */ "0a0k6k",
    /* M */ "0k0a3f6a6k",
    /* N */ "0k0a6k6a",
    /* O */ "1a5a6b6j5k1k0j0b1a",
    /* P */ "0k0a5a6b6e5f0f",
    /* Q */ "1a5a6b6j5k1k0j0b1a 4h6k",
    /* R */ "0k0a5a6b6e5f0f 3f6k",
    /* S */ "6b5a1a0b0d1e5f6g6j5k1k0j",
    /* T */ "0a6a 3a3k",
    /* U */ "0a0j1k5k6j6a",
    /* V */ "0a3k6a",
    /* W */ "0a1k3e5k6a",
    /* X */ "0a6k 6a0k",
    /* Y */ "0a3e6a 3e3k",
    /* Z */ "0a6a0k6k",
    /* [ */ "4a2a2k4k",
    /* \ */ "0a6k",
    /* ] */ "2a4a4k2k",
    /* ^ */ "1d3a5d",
    /* _ */ "0l6l",
    /* ` */ "2a4c",
    /* a */ "1d4d5e5k 5g1g0h0j1k4k5j",
    /* b */ "0a0k 0e1d4d5e5j4k1k0j",
    /* c */ "5e4d1d0e0j1k4k5j",
    /* d */ "5a5k 5e4d1d0e0j1k4k5j",
    /* e */ "0g5g5e4d1d0e0j1k4k5j",
    /* f */ "5b4a3a2b2k 0d4d",
    /* g */ "5d5n4o1o0n 5e4d1d0e0j1k4k5j",
    /* h */ "0a0k 0e1d4d5e5k",
    /* i */ "1d3d3k 1k5k 3a3a",
    /* j */ "2d4d4n3o1o0n 4a4a",
    /* k */ "0a0k 5d0i 2g5k",
    /* l */ "1a3a3k 1k5k",
    /* m */ "0k0d2d3e3k 3e4d5d6e6k",
    /* n */ "0k0d 0e1d4d5e5k",
    /* o */ "1d4d5e5j4k1k0j0e1d",
    /* p */ "0d0o 0e1d4d5e5j4k1k0j",
    /* q */ "5d5o 5e4d1d0e0j1k4k5j",
    /* r */ "0d0k 0f2d4d5e",
    /* s */ "5e4d1d0e0f1g4g5h5j4k1k0j",
    /* t */ "2a2j3k4k5j 0d5d",
    /* u */ "0d0j1k4k5j 5d5k",
    /* v */ "0d3k6d",
    /* w */ "0d1k3f5k6d",
    /* x */ "0d5k 5d0k",
    /* y */ "0d3j 6d1n",
    /* z */ "0d5d0k5k",
    /* { */ "4a3b3e2f3g3j4k",
    /* | */ "3a3k",
    /* } */ "2a3b3e4f3g3j2k",
    /* ~ */ "0f1e2e4g5g6f",
};

struct point {
    int32_t x;
    int32_t y;
};

struct canvas {
    uint8_t *coverage;
    int32_t width;
    int32_t height;
    int32_t radius; // of the pen
};

uint32_t font_cell_width(uint32_t unit)
{
    return (FONT_CELL_UNITS_WIDE * unit + SUBPIXELS / 2) / SUBPIXELS;
}

uint32_t font_cell_height(uint32_t unit)
{
    return (FONT_CELL_UNITS_HIGH * unit + SUBPIXELS / 2) / SUBPIXELS;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t square_root(int32_t square)
{
    int32_t root = 0;
    for (int32_t bit = 1 << 14; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    return root;
}

// The square of the distance from a point to the stroke from a to b.
static int32_t distance_squared(struct point place, struct point a, struct point b)
{
    int32_t along_x = b.x - a.x;
    int32_t along_y = b.y - a.y;
    int32_t length_squared = along_x * along_x + along_y * along_y;
    int32_t projection = (place.x - a.x) * along_x + (place.y - a.y) * along_y;
    projection = larger(0, smaller(projection, length_squared));
    int32_t nearest_x = a.x;
    int32_t nearest_y = a.y;
    if (length_squared) {
        nearest_x += (int32_t)((int64_t)along_x * projection / length_squared);
        nearest_y += (int32_t)((int64_t)along_y * projection / length_squared);
    }
    int32_t x = place.x - nearest_x;
    int32_t y = place.y - nearest_y;
    return x * x + y * y;
}

// Ink falls off over one pixel around the pen's edge.
static uint8_t ink_at(int32_t squared, int32_t radius)
{
    const int32_t half_pixel = SUBPIXELS / 2;
    int32_t outside = radius + half_pixel;
    int32_t inside = larger(0, radius - half_pixel);
    if (squared >= outside * outside)
        return 0;
    if (squared <= inside * inside)
        return 255;
    return (uint8_t)smaller(255, (outside - square_root(squared)) * 255 / SUBPIXELS);
}

static void draw_stroke(const struct canvas *canvas, struct point a, struct point b)
{
    const int32_t reach = canvas->radius + SUBPIXELS;
    int32_t left = larger(0, (smaller(a.x, b.x) - reach) / SUBPIXELS);
    int32_t right = smaller(canvas->width - 1, (larger(a.x, b.x) + reach) / SUBPIXELS);
    int32_t top = larger(0, (smaller(a.y, b.y) - reach) / SUBPIXELS);
    int32_t bottom = smaller(canvas->height - 1, (larger(a.y, b.y) + reach) / SUBPIXELS);
    for (int32_t y = top; y <= bottom; ++y) {
        uint8_t *row = canvas->coverage + y * canvas->width;
        for (int32_t x = left; x <= right; ++x) {
            struct point center = {x * SUBPIXELS + SUBPIXELS / 2, y * SUBPIXELS + SUBPIXELS / 2};
            uint8_t ink = ink_at(distance_squared(center, a, b), canvas->radius);
            if (ink > row[x])
                row[x] = ink;
        }
    }
}

static struct point point_at(const char *place, int32_t unit)
{
    return (struct point){(place[0] - '0' + MARGIN_UNITS) * unit,
                          (place[1] - 'a' + MARGIN_UNITS) * unit};
}

static const char *glyph_of(char character)
{
    int index = (unsigned char)character - FONT_FIRST_CHARACTER;
    bool printable = index >= 0 && index < FONT_CHARACTERS;
    return glyphs[printable ? index : '?' - FONT_FIRST_CHARACTER];
}

void font_draw(char character, uint32_t unit, uint8_t *coverage)
{
    const struct canvas canvas = {
        .coverage = coverage,
        .width = (int32_t)font_cell_width(unit),
        .height = (int32_t)font_cell_height(unit),
        .radius = (int32_t)unit * PEN_RADIUS_PERCENT / 100,
    };
    for (int32_t i = 0; i < canvas.width * canvas.height; ++i)
        coverage[i] = 0;
    const char *glyph = glyph_of(character);
    while (*glyph) {
        struct point from = point_at(glyph, (int32_t)unit);
        glyph += 2;
        while (*glyph && *glyph != ' ') {
            struct point to = point_at(glyph, (int32_t)unit);
            draw_stroke(&canvas, from, to);
            from = to;
            glyph += 2;
        }
        if (*glyph == ' ')
            ++glyph;
    }
}
