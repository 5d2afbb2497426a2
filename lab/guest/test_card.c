// SPDX-License-Identifier: Apache-2.0

#include "test_card.h"

#include "text.h"

#include <stddef.h>

#define COLOR_SKY 0x1b3a63u
#define COLOR_GROUND 0x0a1424u
#define COLOR_GRID 0x2c5080u
#define COLOR_PANEL 0x0a0f1au
#define COLOR_PANEL_EDGE 0x5b8fcfu
#define COLOR_LABEL 0x9cc7ffu
#define COLOR_TEXT 0xffffffu
#define COLOR_HEADING 0xffd166u
#define COLOR_BORDER 0xffffffu
#define COLOR_TRACK 0x000000u
#define COLOR_BLOCK 0xffffffu
#define CORNER_TOP_LEFT 0xff3030u
#define CORNER_TOP_RIGHT 0x30d050u
#define CORNER_BOTTOM_LEFT 0x4080ffu
#define CORNER_BOTTOM_RIGHT 0xffd030u

// The text is as large as lets this many columns and rows of cells fit.
#define COLUMNS_ON_SCREEN 56
#define ROWS_ON_SCREEN 21
#define SUBPIXELS 16
#define SMALLEST_UNIT 4
#define LARGEST_UNIT 64

#define HEADING "cleave demo guest"
#define HEADING_SCALE 2
#define FACT_LINES 7
#define LABEL_COLUMNS 9
#define LINE_CAPACITY 64
#define GRID_CELLS_ACROSS 16
#define RAMP_STEPS 11
#define RAINBOW_SECTORS 6
#define RAINBOW_PIXELS_PER_FRAME 4
#define BLOCK_PIXELS_PER_FRAME 6

enum fact_line {
    LINE_GPU,
    LINE_PCI,
    LINE_KIND,
    LINE_SCREEN,
    LINE_FRAME,
    LINE_SPEED,
    LINE_RUNNING,
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

// part of 255: 0 gives from, 255 gives to.
static uint32_t mix(uint32_t from, uint32_t to, uint32_t part)
{
    uint32_t color = 0;
    for (uint32_t shift = 0; shift <= 16; shift += 8) {
        uint32_t a = (from >> shift) & 0xff;
        uint32_t b = (to >> shift) & 0xff;
        color |= ((a * (255 - part) + b * part + 127) / 255) << shift;
    }
    return color;
}

static uint32_t *row_at(const struct surface *surface, uint32_t x, uint32_t y)
{
    return surface->pixels + (size_t)y * surface->width + x;
}

static void fill(const struct surface *surface, struct rectangle area, uint32_t color)
{
    uint32_t bottom = smaller(area.y + area.height, surface->height);
    uint32_t right = smaller(area.x + area.width, surface->width);
    for (uint32_t y = area.y; y < bottom; ++y) {
        uint32_t *row = row_at(surface, 0, y);
        for (uint32_t x = area.x; x < right; ++x)
            row[x] = color;
    }
}

static void frame_inside(const struct surface *surface, struct rectangle area, uint32_t thickness,
                         uint32_t color)
{
    fill(surface, (struct rectangle){area.x, area.y, area.width, thickness}, color);
    fill(surface,
         (struct rectangle){area.x, area.y + area.height - thickness, area.width, thickness}, color);
    fill(surface, (struct rectangle){area.x, area.y, thickness, area.height}, color);
    fill(surface,
         (struct rectangle){area.x + area.width - thickness, area.y, thickness, area.height}, color);
}

static void draw_cell(const struct surface *surface, uint32_t x, uint32_t y, uint32_t unit,
                      const uint8_t *coverage, uint32_t color)
{
    uint32_t width = font_cell_width(unit);
    uint32_t height = font_cell_height(unit);
    if (x + width > surface->width || y + height > surface->height)
        return;
    for (uint32_t row = 0; row < height; ++row) {
        uint32_t *pixels = row_at(surface, x, y + row);
        for (uint32_t column = 0; column < width; ++column) {
            uint8_t ink = *coverage++;
            pixels[column] = ink == 0     ? COLOR_PANEL
                             : ink == 255 ? color
                                          : mix(COLOR_PANEL, color, ink);
        }
    }
}

static const uint8_t *glyph_for(struct test_card *card, char character)
{
    uint32_t index = (uint32_t)(unsigned char)character - FONT_FIRST_CHARACTER;
    if (index >= FONT_CHARACTERS)
        index = '?' - FONT_FIRST_CHARACTER;
    if (!card->glyph_is_drawn[index]) {
        font_draw(character, card->unit, card->glyphs[index]);
        card->glyph_is_drawn[index] = 1;
    }
    return card->glyphs[index];
}

static void draw_text(struct test_card *card, uint32_t x, uint32_t y, const char *text,
                      uint32_t color)
{
    for (; *text; ++text, x += font_cell_width(card->unit))
        draw_cell(&card->surface, x, y, card->unit, glyph_for(card, *text), color);
}

static void draw_heading(struct test_card *card, uint32_t x, uint32_t y, const char *text)
{
    uint32_t unit = HEADING_SCALE * card->unit;
    for (; *text; ++text, x += font_cell_width(unit)) {
        font_draw(*text, unit, card->heading_glyph);
        draw_cell(&card->surface, x, y, unit, card->heading_glyph, COLOR_HEADING);
    }
}

static uint32_t padding_of(const struct test_card *card)
{
    return font_cell_height(card->unit) / 2;
}

static uint32_t line_top(const struct test_card *card, enum fact_line line)
{
    return card->facts.y + padding_of(card) + (uint32_t)line * font_cell_height(card->unit);
}

static void draw_label(struct test_card *card, enum fact_line line, const char *label)
{
    draw_text(card, card->facts.x + padding_of(card), line_top(card, line), label, COLOR_LABEL);
}

// The text is filled up with spaces to its capacity or the panel's edge, so that
// a shorter one replaces a longer one completely.
static void draw_value(struct test_card *card, enum fact_line line, const char *text,
                       uint32_t columns)
{
    char padded[LINE_CAPACITY];
    uint32_t x = card->facts.x + padding_of(card) + LABEL_COLUMNS * font_cell_width(card->unit);
    uint32_t end = card->facts.x + card->facts.width - padding_of(card);
    uint32_t room = x < end ? (end - x) / font_cell_width(card->unit) : 0;
    uint32_t count = smaller(smaller(columns, room), LINE_CAPACITY - 1);
    for (uint32_t i = 0; i < count; ++i)
        padded[i] = *text ? *text++ : ' ';
    padded[count] = '\0';
    draw_text(card, x, line_top(card, line), padded, COLOR_TEXT);
}

static void lay_out(struct test_card *card)
{
    const uint32_t width = card->surface.width;
    const uint32_t height = card->surface.height;
    uint32_t unit = smaller(width * SUBPIXELS / (COLUMNS_ON_SCREEN * FONT_CELL_UNITS_WIDE),
                            height * SUBPIXELS / (ROWS_ON_SCREEN * FONT_CELL_UNITS_HIGH));
    card->unit = larger(SMALLEST_UNIT, smaller(LARGEST_UNIT, unit));

    const uint32_t cell = font_cell_height(card->unit);
    const uint32_t margin = larger(4, smaller(width, height) / 24);
    const uint32_t gap = margin / 2;
    const uint32_t inner = width - 2 * margin;
    uint32_t y = margin;
    card->heading = (struct rectangle){margin, y, inner, HEADING_SCALE * cell + padding_of(card)};
    y += card->heading.height + gap;
    card->facts = (struct rectangle){margin, y, inner, FACT_LINES * cell + 2 * padding_of(card)};
    y += card->facts.height + gap;

    const uint32_t bottom = height - margin;
    const uint32_t rest = bottom > y + 2 * gap ? bottom - y - 2 * gap : 0;
    card->color_bars = (struct rectangle){margin, y, inner, rest * 40 / 100};
    y += card->color_bars.height + gap;
    card->grey_ramp = (struct rectangle){margin, y, inner, rest * 25 / 100};
    y += card->grey_ramp.height + gap;
    card->rainbow = (struct rectangle){margin, y, inner, rest * 20 / 100};
    y += card->rainbow.height;
    card->track = (struct rectangle){margin, y, inner, rest * 15 / 100};
}

static void paint_background(const struct surface *surface)
{
    const uint32_t spacing = larger(2, surface->width / GRID_CELLS_ACROSS);
    for (uint32_t y = 0; y < surface->height; ++y) {
        uint32_t color = mix(COLOR_SKY, COLOR_GROUND, y * 255 / surface->height);
        fill(surface, (struct rectangle){0, y, surface->width, 1},
             y % spacing == 0 ? COLOR_GRID : color);
    }
    for (uint32_t x = 0; x < surface->width; x += spacing)
        fill(surface, (struct rectangle){x, 0, 1, surface->height}, COLOR_GRID);
}

static void paint_corner(const struct surface *surface, uint32_t right, uint32_t lower,
                         uint32_t inset, uint32_t color)
{
    const uint32_t arm = smaller(surface->width, surface->height) / 10;
    const uint32_t thickness = larger(2, smaller(surface->width, surface->height) / 96);
    const uint32_t x = right ? surface->width - inset - arm : inset;
    const uint32_t y = lower ? surface->height - inset - arm : inset;
    fill(surface, (struct rectangle){x, lower ? y + arm - thickness : y, arm, thickness}, color);
    fill(surface, (struct rectangle){right ? x + arm - thickness : x, y, thickness, arm}, color);
}

// Each corner has its own colour: a picture that is cut, mirrored or has its
// colours swapped gives itself away.
static void paint_edges(const struct surface *surface)
{
    const uint32_t border = larger(1, smaller(surface->width, surface->height) / 384);
    const uint32_t inset = 2 * border;
    frame_inside(surface, (struct rectangle){0, 0, surface->width, surface->height}, border,
                 COLOR_BORDER);
    paint_corner(surface, 0, 0, inset, CORNER_TOP_LEFT);
    paint_corner(surface, 1, 0, inset, CORNER_TOP_RIGHT);
    paint_corner(surface, 0, 1, inset, CORNER_BOTTOM_LEFT);
    paint_corner(surface, 1, 1, inset, CORNER_BOTTOM_RIGHT);
}

static void paint_panel(const struct surface *surface, struct rectangle area)
{
    fill(surface, area, COLOR_PANEL);
    frame_inside(surface, area, larger(1, surface->height / 600), COLOR_PANEL_EDGE);
}

static void paint_color_bars(const struct surface *surface, struct rectangle area)
{
    static const uint32_t colors[] = {0xffffff, 0xffff00, 0x00ffff, 0x00ff00,
                                      0xff00ff, 0xff0000, 0x0000ff, 0x000000};
    const uint32_t count = sizeof(colors) / sizeof(colors[0]);
    for (uint32_t i = 0; i < count; ++i) {
        uint32_t left = area.width * i / count;
        uint32_t right = area.width * (i + 1) / count;
        fill(surface, (struct rectangle){area.x + left, area.y, right - left, area.height},
             colors[i]);
    }
}

// Above without steps, below with eleven, so that both banding and clipping show.
static void paint_grey_ramp(const struct surface *surface, struct rectangle area)
{
    const uint32_t smooth_height = area.height / 2;
    for (uint32_t x = 0; x < area.width; ++x) {
        uint32_t smooth = x * 255 / larger(1, area.width - 1);
        uint32_t step = x * RAMP_STEPS / area.width * 255 / (RAMP_STEPS - 1);
        fill(surface, (struct rectangle){area.x + x, area.y, 1, smooth_height}, smooth * 0x010101);
        fill(surface,
             (struct rectangle){area.x + x, area.y + smooth_height, 1, area.height - smooth_height},
             step * 0x010101);
    }
}

static void prepare_rainbow(struct test_card *card)
{
    static const uint32_t stops[RAINBOW_SECTORS + 1] = {0xff0000, 0xffff00, 0x00ff00, 0x00ffff,
                                                        0x0000ff, 0xff00ff, 0xff0000};
    const uint32_t width = card->rainbow.width;
    for (uint32_t x = 0; x < width; ++x) {
        uint32_t place = x * RAINBOW_SECTORS * 255 / width;
        card->rainbow_row[x] = mix(stops[place / 255], stops[place / 255 + 1], place % 255);
    }
}

static void draw_fixed_facts(struct test_card *card, const struct test_card_facts *facts)
{
    char buffer[LINE_CAPACITY];
    static const char *const labels[FACT_LINES] = {"GPU",   "PCI",   "Kind",   "Screen",
                                                   "Frame", "Speed", "Running"};
    for (uint32_t line = 0; line < FACT_LINES; ++line)
        draw_label(card, (enum fact_line)line, labels[line]);

    draw_value(card, LINE_GPU, facts->gpu_name, LINE_CAPACITY);

    struct text text = text_in(buffer, sizeof(buffer));
    text_add_hexadecimal(&text, facts->vendor_id, 4);
    text_add_character(&text, ':');
    text_add_hexadecimal(&text, facts->device_id, 4);
    text_add(&text, " at ");
    text_add(&text, facts->pci_address);
    draw_value(card, LINE_PCI, buffer, LINE_CAPACITY);

    draw_value(card, LINE_KIND, facts->gpu_kind, LINE_CAPACITY);

    text = text_in(buffer, sizeof(buffer));
    text_add_decimal(&text, card->surface.width);
    text_add(&text, " x ");
    text_add_decimal(&text, card->surface.height);
    text_add(&text, ", 32 bits per pixel");
    draw_value(card, LINE_SCREEN, buffer, LINE_CAPACITY);
}

void test_card_paint(struct test_card *card, struct surface surface,
                     const struct test_card_facts *facts)
{
    card->surface = surface;
    for (uint32_t i = 0; i < FONT_CHARACTERS; ++i)
        card->glyph_is_drawn[i] = 0;
    lay_out(card);
    prepare_rainbow(card);
    paint_background(&surface);
    paint_edges(&surface);
    paint_panel(&surface, card->heading);
    paint_panel(&surface, card->facts);
    paint_color_bars(&surface, card->color_bars);
    paint_grey_ramp(&surface, card->grey_ramp);
    draw_heading(card, card->heading.x + padding_of(card), card->heading.y + padding_of(card) / 2,
                 HEADING);
    draw_fixed_facts(card, facts);
    const struct test_card_progress nothing_yet = {0};
    test_card_advance(card, &nothing_yet);
}

static void copy_pixels(uint32_t *to, const uint32_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i)
        to[i] = from[i];
}

// The rainbow turns by a few pixels: its first row is put together from the two
// parts of the prepared one, the others are copies.
static void move_rainbow(struct test_card *card, uint64_t frames)
{
    const struct rectangle area = card->rainbow;
    if (area.height == 0)
        return;
    uint32_t turned = (uint32_t)(frames * RAINBOW_PIXELS_PER_FRAME % area.width);
    uint32_t *first = row_at(&card->surface, area.x, area.y);
    copy_pixels(first, card->rainbow_row + turned, area.width - turned);
    copy_pixels(first + area.width - turned, card->rainbow_row, turned);
    for (uint32_t row = 1; row < area.height; ++row)
        copy_pixels(row_at(&card->surface, area.x, area.y + row), first, area.width);
}

static void move_block(struct test_card *card, uint64_t frames)
{
    struct rectangle block = card->track;
    block.width = larger(1, card->track.width / 12);
    uint32_t travel = larger(1, card->track.width - block.width);
    uint32_t place = (uint32_t)(frames * BLOCK_PIXELS_PER_FRAME % (2 * (uint64_t)travel));
    block.x += place < travel ? place : 2 * travel - place;
    fill(&card->surface, card->track, COLOR_TRACK);
    fill(&card->surface, block, COLOR_BLOCK);
}

static void draw_progress(struct test_card *card, const struct test_card_progress *progress)
{
    char buffer[LINE_CAPACITY];
    struct text text = text_in(buffer, sizeof(buffer));
    text_add_decimal(&text, progress->frames);
    draw_value(card, LINE_FRAME, buffer, 12);

    text = text_in(buffer, sizeof(buffer));
    text_add_tenths(&text, progress->frames_per_second_tenths);
    text_add(&text, " frames per second");
    draw_value(card, LINE_SPEED, buffer, 26);

    text = text_in(buffer, sizeof(buffer));
    text_add_tenths(&text, progress->elapsed_milliseconds / 100);
    text_add(&text, " seconds");
    draw_value(card, LINE_RUNNING, buffer, 20);
}

void test_card_advance(struct test_card *card, const struct test_card_progress *progress)
{
    move_rainbow(card, progress->frames);
    move_block(card, progress->frames);
    draw_progress(card, progress);
}
