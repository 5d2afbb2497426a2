// SPDX-License-Identifier: Apache-2.0

#include "text.h"

#define LONGEST_NUMBER 20 // 2^64 - 1 in decimal

struct text text_in(char *buffer, size_t capacity)
{
    buffer[0] = '\0';
    return (struct text){.characters = buffer, .capacity = capacity, .length = 0};
}

void text_add_character(struct text *text, char character)
{
    if (text->length + 1 >= text->capacity)
        return;
    text->characters[text->length++] = character;
    text->characters[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    while (*string)
        text_add_character(text, *string++);
}

static void add_number(struct text *text, uint64_t value, unsigned base, unsigned minimum_digits)
{
    char digits[LONGEST_NUMBER];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (count < LONGEST_NUMBER && (value || count < minimum_digits));
    while (count)
        text_add_character(text, digits[--count]);
}

void text_add_decimal(struct text *text, uint64_t value)
{
    add_number(text, value, 10, 1);
}

void text_add_tenths(struct text *text, uint64_t tenths)
{
    text_add_decimal(text, tenths / 10);
    text_add_character(text, '.');
    text_add_decimal(text, tenths % 10);
}

void text_add_hexadecimal(struct text *text, uint64_t value, unsigned minimum_digits)
{
    add_number(text, value, 16, minimum_digits);
}

void text_add_json_escaped(struct text *text, const char *string)
{
    for (; *string; ++string) {
        unsigned char character = (unsigned char)*string;
        if (character < 0x20) {
            text_add(text, "\\u");
            text_add_hexadecimal(text, character, 4);
            continue;
        }
        if (character == '"' || character == '\\')
            text_add_character(text, '\\');
        text_add_character(text, *string);
    }
}
