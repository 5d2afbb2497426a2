// SPDX-License-Identifier: Apache-2.0

#include "pci.h"

#include "processor.h"

// PCI Local Bus Specification 3.0: configuration mechanism in section 3.2.2.3.2,
// the header in 6.1, base address registers in 6.2.5.
#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u

#define VENDOR_ID 0x00
#define DEVICE_ID 0x02
#define COMMAND 0x04
#define SUBCLASS 0x0a
#define CLASS_CODE 0x0b
#define HEADER_TYPE 0x0e
#define BASE_ADDRESS_0 0x10
#define SECONDARY_BUS 0x19

#define COMMAND_MEMORY 0x0002
#define COMMAND_BUS_MASTER 0x0004
#define HEADER_MULTIPLE_FUNCTIONS 0x80
#define HEADER_LAYOUT 0x7f
#define HEADER_LAYOUT_BRIDGE 1
#define HEADER_LAYOUT_DEVICE 0
#define NO_DEVICE 0xffff

#define BAR_PORT_SPACE 0x1u
#define BAR_TYPE 0x6u
#define BAR_TYPE_64_BIT 0x4u
#define BAR_FLAGS 0xfu
#define BAR_COUNT 6

#define BUSES 256
#define DEVICES_PER_BUS 32
#define FUNCTIONS_PER_DEVICE 8

// Where BARs go that the firmware left out: in QEMU's hole below 4 GiB SeaBIOS
// fills from the top, in the one above nothing lies this far up by default.
#define SPARE_ADDRESSES_BELOW_4_GIB 0xc0000000u
#define SPARE_ADDRESSES_BELOW_4_GIB_END 0xe0000000u
#define SPARE_ADDRESSES_ABOVE_4_GIB 0xc000000000ul
#define LARGEST_BAR_BELOW_4_GIB 0x04000000u

static uint64_t spare_below_4_gib = SPARE_ADDRESSES_BELOW_4_GIB;
static uint64_t spare_above_4_gib = SPARE_ADDRESSES_ABOVE_4_GIB;

static void select_register(const struct pci_function *function, uint8_t offset)
{
    port_write_32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)function->bus << 16 |
                                      (uint32_t)function->device << 11 |
                                      (uint32_t)function->function << 8 | (offset & 0xfcu));
}

uint8_t pci_read_8(const struct pci_function *function, uint8_t offset)
{
    select_register(function, offset);
    return port_read_8((uint16_t)(CONFIG_DATA + (offset & 3)));
}

uint16_t pci_read_16(const struct pci_function *function, uint8_t offset)
{
    select_register(function, offset);
    return port_read_16((uint16_t)(CONFIG_DATA + (offset & 2)));
}

uint32_t pci_read_32(const struct pci_function *function, uint8_t offset)
{
    select_register(function, offset);
    return port_read_32(CONFIG_DATA);
}

void pci_write_8(const struct pci_function *function, uint8_t offset, uint8_t value)
{
    select_register(function, offset);
    port_write_8((uint16_t)(CONFIG_DATA + (offset & 3)), value);
}

void pci_write_16(const struct pci_function *function, uint8_t offset, uint16_t value)
{
    select_register(function, offset);
    port_write_16((uint16_t)(CONFIG_DATA + (offset & 2)), value);
}

void pci_write_32(const struct pci_function *function, uint8_t offset, uint32_t value)
{
    select_register(function, offset);
    port_write_32(CONFIG_DATA, value);
}

static void scan_bus(struct pci_bus *found, bool *visited, uint8_t bus);

static void scan_function(struct pci_bus *found, bool *visited, struct pci_function function)
{
    function.vendor_id = pci_read_16(&function, VENDOR_ID);
    if (function.vendor_id == NO_DEVICE || found->count == PCI_MAXIMUM_FUNCTIONS)
        return;
    function.device_id = pci_read_16(&function, DEVICE_ID);
    function.class_code = pci_read_8(&function, CLASS_CODE);
    function.subclass = pci_read_8(&function, SUBCLASS);
    found->functions[found->count++] = function;
    if ((pci_read_8(&function, HEADER_TYPE) & HEADER_LAYOUT) == HEADER_LAYOUT_BRIDGE)
        scan_bus(found, visited, pci_read_8(&function, SECONDARY_BUS));
}

static void scan_device(struct pci_bus *found, bool *visited, uint8_t bus, uint8_t device)
{
    struct pci_function first = {.bus = bus, .device = device};
    if (pci_read_16(&first, VENDOR_ID) == NO_DEVICE)
        return;
    bool several = pci_read_8(&first, HEADER_TYPE) & HEADER_MULTIPLE_FUNCTIONS;
    uint8_t functions = several ? FUNCTIONS_PER_DEVICE : 1;
    for (uint8_t number = 0; number < functions; ++number) {
        struct pci_function function = first;
        function.function = number;
        scan_function(found, visited, function);
    }
}

static void scan_bus(struct pci_bus *found, bool *visited, uint8_t bus)
{
    if (visited[bus])
        return;
    visited[bus] = true;
    for (uint8_t device = 0; device < DEVICES_PER_BUS; ++device)
        scan_device(found, visited, bus, device);
}

static bool has_display(const struct pci_bus *found)
{
    for (size_t i = 0; i < found->count; ++i)
        if (found->functions[i].class_code == PCI_CLASS_DISPLAY)
            return true;
    return false;
}

// Following the bridges reaches everything in an ordinary machine and is quick.
// Extra root buses (QEMU's pxb) are found by looking everywhere, which takes
// long under emulation and is done only when there is no display yet.
void pci_scan(struct pci_bus *found)
{
    bool visited[BUSES] = {false};
    found->count = 0;
    scan_bus(found, visited, 0);
    for (unsigned bus = 1; bus < BUSES && !has_display(found); ++bus)
        scan_bus(found, visited, (uint8_t)bus);
}

static uint8_t bar_offset(unsigned number)
{
    return (uint8_t)(BASE_ADDRESS_0 + 4 * number);
}

static bool bar_is_64_bit(uint32_t low)
{
    return (low & BAR_TYPE) == BAR_TYPE_64_BIT;
}

uint64_t pci_bar_address(const struct pci_function *function, unsigned number)
{
    uint32_t low = pci_read_32(function, bar_offset(number));
    if (low & BAR_PORT_SPACE)
        return 0;
    uint64_t address = low & ~BAR_FLAGS;
    if (bar_is_64_bit(low))
        address |= (uint64_t)pci_read_32(function, bar_offset(number + 1)) << 32;
    return address;
}

// Only the low half is asked: no BAR here is 4 GiB or more.
static uint64_t bar_size(const struct pci_function *function, unsigned number)
{
    uint32_t before = pci_read_32(function, bar_offset(number));
    pci_write_32(function, bar_offset(number), 0xffffffffu);
    uint32_t mask = pci_read_32(function, bar_offset(number)) & ~BAR_FLAGS;
    pci_write_32(function, bar_offset(number), before);
    return mask ? (uint64_t)(uint32_t)(~mask + 1) : 0;
}

static uint64_t take_addresses(uint64_t *spare, uint64_t size)
{
    uint64_t address = (*spare + size - 1) & ~(size - 1);
    *spare = address + size;
    return address;
}

static void assign_bar(const struct pci_function *function, unsigned number, uint32_t low)
{
    uint64_t size = bar_size(function, number);
    if (size == 0)
        return;
    if (bar_is_64_bit(low) && size > LARGEST_BAR_BELOW_4_GIB) {
        uint64_t address = take_addresses(&spare_above_4_gib, size);
        pci_write_32(function, bar_offset(number), (uint32_t)address);
        pci_write_32(function, bar_offset(number + 1), (uint32_t)(address >> 32));
    } else if (spare_below_4_gib + 2 * size <= SPARE_ADDRESSES_BELOW_4_GIB_END) {
        pci_write_32(function, bar_offset(number), (uint32_t)take_addresses(&spare_below_4_gib, size));
    }
}

static void assign_missing_bars(const struct pci_function *function)
{
    for (unsigned number = 0; number < BAR_COUNT; ++number) {
        uint32_t low = pci_read_32(function, bar_offset(number));
        if (!(low & BAR_PORT_SPACE) && pci_bar_address(function, number) == 0)
            assign_bar(function, number, low);
        if (!(low & BAR_PORT_SPACE) && bar_is_64_bit(low))
            ++number;
    }
}

void pci_enable(const struct pci_function *function)
{
    // The command register is written as 16 bits: GVT-g rejects wider writes
    // (drivers/gpu/drm/i915/gvt/cfg_space.c, intel_vgpu_emulate_cfg_write).
    uint16_t command = pci_read_16(function, COMMAND);
    uint8_t layout = pci_read_8(function, HEADER_TYPE) & HEADER_LAYOUT;
    if (function->bus == 0 && layout == HEADER_LAYOUT_DEVICE) {
        // BARs must not be decoded while they hold the sizing pattern.
        pci_write_16(function, COMMAND, command & (uint16_t)~COMMAND_MEMORY);
        assign_missing_bars(function);
    }
    pci_write_16(function, COMMAND, command | COMMAND_MEMORY | COMMAND_BUS_MASTER);
}
