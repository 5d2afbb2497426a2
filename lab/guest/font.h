/* SPDX-License-Identifier: Apache-2.0 */
/* A plain technical lettering of equal width: printable ASCII, drawn as strokes
 * of a round pen, so that it is smooth at any size. */
#ifndef CLEAVE_GUEST_FONT_H
#define CLEAVE_GUEST_FONT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FONT_FIRST_CHARACTER 0x20
#define FONT_CHARACTERS 95

/* A unit is the grid the letters are drawn on, in 1/16 of a pixel: a character
 * cell is 8 units wide and 16 high, a capital letter 10 high. */
uint32_t font_cell_width(uint32_t unit);
uint32_t font_cell_height(uint32_t unit);

/* Fills cell_width x cell_height bytes: 0 is paper, 255 is ink. A character that
 * cannot be printed looks like a question mark. */
void font_draw(char character, uint32_t unit, uint8_t *coverage);

#ifdef __cplusplus
}
#endif

#endif
