// SPDX-License-Identifier: Apache-2.0

#include "paging.h"

#include "processor.h"

#include <stddef.h>

// Intel SDM vol. 3: page table entries in section 4.5, the page attribute table
// in section 11.12.
#define ENTRY_PRESENT 0x001ul
#define ENTRY_WRITABLE 0x002ul
#define ENTRY_WRITE_THROUGH 0x008ul
#define ENTRY_CACHE_DISABLE 0x010ul
#define ENTRY_LARGE 0x080ul
#define ENTRY_ADDRESS 0x000ffffffffff000ul
#define ENTRIES_PER_TABLE 512
#define LARGE_PAGE_SIZE 0x200000ul
#define CANONICAL_LOW_HALF 0x0000800000000000ul

#define PAGE_ATTRIBUTE_TABLE 0x277
// The values at reset, but with write-combining (1) in the place of the
// write-through (4) that the bit PWT alone selects.
#define ATTRIBUTES_WITH_WRITE_COMBINING 0x0007010600070106ul

// Each page directory covers 1 GiB: more than the two BARs of any device here.
#define SPARE_TABLES 16

extern uint64_t page_map_level_4[ENTRIES_PER_TABLE];

static uint64_t spare_tables[SPARE_TABLES][ENTRIES_PER_TABLE] __attribute__((aligned(4096)));
static size_t spare_tables_used;

void paging_initialize(void)
{
    model_specific_write(PAGE_ATTRIBUTE_TABLE, ATTRIBUTES_WITH_WRITE_COMBINING);
}

static uint64_t *table_below(uint64_t *entry)
{
    if (!(*entry & ENTRY_PRESENT)) {
        if (spare_tables_used == SPARE_TABLES)
            return NULL;
        *entry = (uint64_t)spare_tables[spare_tables_used++] | ENTRY_PRESENT | ENTRY_WRITABLE;
    }
    return (uint64_t *)(*entry & ENTRY_ADDRESS);
}

static uint64_t *large_page_entry(uint64_t address)
{
    uint64_t *pointers = table_below(&page_map_level_4[(address >> 39) % ENTRIES_PER_TABLE]);
    if (!pointers)
        return NULL;
    uint64_t *directory = table_below(&pointers[(address >> 30) % ENTRIES_PER_TABLE]);
    if (!directory)
        return NULL;
    return &directory[(address >> 21) % ENTRIES_PER_TABLE];
}

static uint64_t cache_bits(enum memory_kind kind)
{
    return kind == MEMORY_WRITE_COMBINING ? ENTRY_WRITE_THROUGH
                                          : ENTRY_WRITE_THROUGH | ENTRY_CACHE_DISABLE;
}

volatile void *map_device_memory(uint64_t address, uint64_t length, enum memory_kind kind)
{
    if (length == 0 || address >= CANONICAL_LOW_HALF || length > CANONICAL_LOW_HALF - address)
        return NULL;
    uint64_t page = address & ~(LARGE_PAGE_SIZE - 1);
    for (; page < address + length; page += LARGE_PAGE_SIZE) {
        uint64_t *entry = large_page_entry(page);
        if (!entry)
            return NULL;
        *entry = page | ENTRY_LARGE | ENTRY_WRITABLE | ENTRY_PRESENT | cache_bits(kind);
        __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
    }
    return (volatile void *)address;
}

bool memory_is_present(uint64_t address)
{
    volatile uint64_t *word = (volatile uint64_t *)address;
    const uint64_t pattern = 0x5a17c0dec1ea7e00ul;
    *word = pattern;
    __asm__ volatile("" : : : "memory");
    bool kept = *word == pattern;
    *word = ~pattern;
    return kept && *word == ~pattern;
}
