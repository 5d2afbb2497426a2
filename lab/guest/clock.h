/* SPDX-License-Identifier: Apache-2.0 */
/* Time since the start, from the ACPI timer where there is one. */
#ifndef CLEAVE_GUEST_CLOCK_H
#define CLEAVE_GUEST_CLOCK_H

#include <stdint.h>

/* acpi_timer_port: the I/O port of the ACPI timer, or 0 if none was found. */
void clock_initialize(uint16_t acpi_timer_port);

uint64_t clock_microseconds(void);

#endif
