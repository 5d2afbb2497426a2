/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory is mapped one to one; device memory gets its cache type here. */
#ifndef CLEAVE_GUEST_PAGING_H
#define CLEAVE_GUEST_PAGING_H

#include <stdbool.h>
#include <stdint.h>

enum memory_kind {
    MEMORY_REGISTERS,       /* uncached: every access reaches the device, in order */
    MEMORY_WRITE_COMBINING, /* framebuffers: written in bursts, hardly ever read */
};

/* Sets up the page attribute table. Call before map_device_memory(). */
void paging_initialize(void);

/* Makes [address, address + length) reachable, above 4 GiB too. Null when the
 * range is out of reach. */
volatile void *map_device_memory(uint64_t address, uint64_t length, enum memory_kind kind);

/* Whether the machine has memory at this address (which must be spare). */
bool memory_is_present(uint64_t address);

#endif
