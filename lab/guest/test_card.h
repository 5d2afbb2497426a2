/* SPDX-License-Identifier: Apache-2.0 */
/* The picture: says which GPU shows it, and moves with every frame. */
#ifndef CLEAVE_GUEST_TEST_CARD_H
#define CLEAVE_GUEST_TEST_CARD_H

#include "font.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEST_CARD_MAXIMUM_WIDTH 1920
/* The largest cell of the text, and of the heading at twice its size. */
#define TEST_CARD_CELL_BYTES (36 * 72)
#define TEST_CARD_HEADING_CELL_BYTES (4 * TEST_CARD_CELL_BYTES)

struct surface {
    uint32_t *pixels; /* 0x00RRGGBB each */
    uint32_t width;
    uint32_t height; /* rows follow each other without a gap */
};

struct rectangle {
    uint32_t x;
    uint32_t y;
    uint32_t width;
    uint32_t height;
};

struct test_card_facts {
    const char *gpu_name;
    const char *gpu_kind;
    const char *pci_address;
    uint16_t vendor_id;
    uint16_t device_id;
};

struct test_card_progress {
    uint64_t frames;
    uint64_t frames_per_second_tenths;
    uint64_t elapsed_milliseconds;
};

/* Everything a card needs between frames; large, so give it static storage. */
struct test_card {
    struct surface surface;
    uint32_t unit; /* size of the text, see font.h */
    struct rectangle heading;
    struct rectangle facts;
    struct rectangle color_bars;
    struct rectangle grey_ramp;
    struct rectangle rainbow;
    struct rectangle track;
    uint32_t rainbow_row[TEST_CARD_MAXIMUM_WIDTH];
    uint8_t glyph_is_drawn[FONT_CHARACTERS];
    uint8_t glyphs[FONT_CHARACTERS][TEST_CARD_CELL_BYTES];
    uint8_t heading_glyph[TEST_CARD_HEADING_CELL_BYTES];
};

/* Paints the whole card. The surface may be up to TEST_CARD_MAXIMUM_WIDTH wide;
 * smaller than about 320 x 240 the text is not readable. */
void test_card_paint(struct test_card *card, struct surface surface,
                     const struct test_card_facts *facts);

/* Repaints what changes from frame to frame. */
void test_card_advance(struct test_card *card, const struct test_card_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
