/* SPDX-License-Identifier: Apache-2.0 */
/* COM1: reports out, commands in. Never waits long for the other side. */
#ifndef CLEAVE_GUEST_SERIAL_H
#define CLEAVE_GUEST_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

void serial_initialize(void);

/* Writes what the line takes; the rest of the text is dropped if it is stuck. */
void serial_write(const char *text, size_t length);

/* Takes in what has arrived; true once for each complete line "command". */
bool serial_received_line(const char *command);

#endif
