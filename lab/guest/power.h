/* SPDX-License-Identifier: Apache-2.0 */
/* Switching the machine off: when told on COM1, or by the power button. */
#ifndef CLEAVE_GUEST_POWER_H
#define CLEAVE_GUEST_POWER_H

#include "pci.h"

#include <stdint.h>

/* Finds the chipset's power management and lets the power button be seen. */
void power_initialize(const struct pci_bus *bus);

/* The port of the ACPI timer, 0 if there is none. */
uint16_t power_timer_port(void);

/* Switches off if asked to; otherwise returns at once. */
void power_obey_requests(void);

#endif
