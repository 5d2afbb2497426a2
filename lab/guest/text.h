/* SPDX-License-Identifier: Apache-2.0 */
/* Building short texts in a buffer of fixed size; what does not fit is cut. */
#ifndef CLEAVE_GUEST_TEXT_H
#define CLEAVE_GUEST_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct text {
    char *characters; /* always ends with a NUL */
    size_t capacity;  /* with the NUL; at least 1 */
    size_t length;
};

struct text text_in(char *buffer, size_t capacity);
void text_add(struct text *text, const char *string);
void text_add_character(struct text *text, char character);
void text_add_decimal(struct text *text, uint64_t value);
/* 123 tenths read "12.3". */
void text_add_tenths(struct text *text, uint64_t tenths);
void text_add_hexadecimal(struct text *text, uint64_t value, unsigned minimum_digits);
/* The inside of a JSON string (RFC 8259, section 7). */
void text_add_json_escaped(struct text *text, const char *string);

#ifdef __cplusplus
}
#endif

#endif
