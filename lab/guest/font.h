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
#define FONT_CELL_UNITS_WIDE 9
#define FONT_CELL_UNITS_HIGH 18

/* A unit is the grid the letters are drawn on, in 1/16 of a pixel. A capital
 * letter is 10 units high. */
uint32_t font_cell_width(uint32_t unit);
uint32_t font_cell_height(uint32_t unit);

/* Fills cell_width x cell_height bytes: 0 is paper, 255 is ink. A character that
 * cannot be printed looks like a question mark. */
void font_draw(char character, uint32_t unit, uint8_t *coverage);

#ifdef __cplusplus
}
#endif

#endif
