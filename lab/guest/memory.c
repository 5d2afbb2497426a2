// SPDX-License-Identifier: Apache-2.0
// The four functions GCC and Clang call even in freestanding programs.

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t length);
void *memmove(void *destination, const void *source, size_t length);
void *memset(void *destination, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);

void *memcpy(void *restrict destination, const void *restrict source, size_t length)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    for (size_t i = 0; i < length; ++i)
        to[i] = from[i];
    return destination;
}

void *memmove(void *destination, const void *source, size_t length)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    if (to < from)
        return memcpy(destination, source, length);
    for (size_t i = length; i > 0; --i)
        to[i - 1] = from[i - 1];
    return destination;
}

void *memset(void *destination, int value, size_t length)
{
    uint8_t *to = destination;
    for (size_t i = 0; i < length; ++i)
        to[i] = (uint8_t)value;
    return destination;
}

int memcmp(const void *left, const void *right, size_t length)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0; i < length; ++i)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}
