// SPDX-License-Identifier: Apache-2.0
//
// QEMU's "-vga std" and "-device bochs-display", and the kernel's sample vGPU
// mbochs: a framebuffer in BAR 0, Bochs' display registers in BAR 2. Laid out as
// in QEMU's docs/specs/standard-vga.rst and samples/vfio-mdev/mbochs.c.

#include "frame_memory.h"
#include "gpu.h"
#include "paging.h"
#include "processor.h"

#define VENDOR_BOCHS 0x1234
#define DEVICE_BOCHS 0x1111
#define FRAMEBUFFER_BAR 0
#define REGISTERS_BAR 2

#define REGISTERS_LENGTH 0x1000
#define EDID 0x000
#define VGA_ATTRIBUTE 0x400    // port 0x3c0
#define VGA_INPUT_STATUS 0x41a // port 0x3da
#define DISPLAY_REGISTERS 0x500

// samples/vfio-mdev/mbochs.c, VBE_DISPI_INDEX_* and VBE_DISPI_*.
enum display_register {
    DISPLAY_ID = 0,
    DISPLAY_WIDTH = 1,
    DISPLAY_HEIGHT = 2,
    DISPLAY_BITS_PER_PIXEL = 3,
    DISPLAY_ENABLE = 4,
    DISPLAY_BANK = 5,
    DISPLAY_VIRTUAL_WIDTH = 6,
    DISPLAY_VIRTUAL_HEIGHT = 7,
    DISPLAY_X_OFFSET = 8,
    DISPLAY_Y_OFFSET = 9,
    DISPLAY_MEMORY_64_KIB = 10,
};
#define DISPLAY_ID_FIRST 0xb0c0
#define DISPLAY_ID_LAST 0xb0c5
#define DISPLAY_DISABLED 0x00
#define DISPLAY_ENABLED 0x01
#define DISPLAY_LINEAR_FRAMEBUFFER 0x40

#define VGA_UNBLANK 0x20 // attribute index bit 5: the screen reads the framebuffer

// VESA E-EDID release A, section 3: the first detailed timing is the preferred.
#define EDID_FIRST_TIMING 54
#define EDID_HEADER 0x00ffffffffffff00ul

#define FALLBACK_WIDTH 1024
#define FALLBACK_HEIGHT 768
#define SMALLEST_WIDTH 320
#define SMALLEST_HEIGHT 200

struct mode {
    uint32_t width;
    uint32_t height;
};

static bool recognizes(const struct pci_function *function)
{
    return function->vendor_id == VENDOR_BOCHS && function->device_id == DEVICE_BOCHS;
}

static const char *name(const struct pci_function *function)
{
    (void)function;
    return "Bochs display";
}

static uint16_t display_read(volatile void *registers, enum display_register index)
{
    return register_read_16(registers, DISPLAY_REGISTERS + 2u * index);
}

static void display_write(volatile void *registers, enum display_register index, uint16_t value)
{
    register_write_16(registers, DISPLAY_REGISTERS + 2u * index, value);
}

static uint32_t edid_byte(volatile void *registers, uint32_t offset)
{
    return register_read_8(registers, EDID + EDID_FIRST_TIMING + offset);
}

static bool edid_is_present(volatile void *registers)
{
    uint64_t header = 0;
    for (unsigned i = 0; i < 8; ++i)
        header |= (uint64_t)register_read_8(registers, EDID + i) << (8 * i);
    return header == EDID_HEADER;
}

// The width is rounded down to an even number: rows are copied 64 bits at a time.
static struct mode preferred_mode(volatile void *registers)
{
    struct mode mode = {FALLBACK_WIDTH, FALLBACK_HEIGHT};
    if (!edid_is_present(registers))
        return mode;
    mode.width = (edid_byte(registers, 2) | (edid_byte(registers, 4) & 0xf0) << 4) & ~1u;
    mode.height = edid_byte(registers, 5) | (edid_byte(registers, 7) & 0xf0) << 4;
    return mode;
}

static bool mode_fits(struct mode mode, uint64_t memory)
{
    return mode.width >= SMALLEST_WIDTH && mode.width <= FRAME_MAXIMUM_WIDTH &&
           mode.height >= SMALLEST_HEIGHT && mode.height <= FRAME_MAXIMUM_HEIGHT &&
           (uint64_t)mode.width * mode.height * 4 <= memory;
}

static bool choose_mode(volatile void *registers, uint64_t memory, struct mode *mode)
{
    const struct mode candidates[] = {
        preferred_mode(registers), {FALLBACK_WIDTH, FALLBACK_HEIGHT}, {800, 600}, {640, 480}};
    for (unsigned i = 0; i < sizeof(candidates) / sizeof(candidates[0]); ++i) {
        if (mode_fits(candidates[i], memory)) {
            *mode = candidates[i];
            return true;
        }
    }
    return false;
}

static void set_mode(volatile void *registers, struct mode mode)
{
    display_write(registers, DISPLAY_ENABLE, DISPLAY_DISABLED);
    display_write(registers, DISPLAY_BITS_PER_PIXEL, 32);
    display_write(registers, DISPLAY_WIDTH, (uint16_t)mode.width);
    display_write(registers, DISPLAY_HEIGHT, (uint16_t)mode.height);
    display_write(registers, DISPLAY_BANK, 0);
    display_write(registers, DISPLAY_VIRTUAL_WIDTH, (uint16_t)mode.width);
    display_write(registers, DISPLAY_VIRTUAL_HEIGHT, (uint16_t)mode.height);
    display_write(registers, DISPLAY_X_OFFSET, 0);
    display_write(registers, DISPLAY_Y_OFFSET, 0);
    display_write(registers, DISPLAY_ENABLE, DISPLAY_ENABLED | DISPLAY_LINEAR_FRAMEBUFFER);
    // Reading the status makes the next write to the attribute port an index.
    // bochs-display and mbochs have no such ports and ignore both.
    register_read_8(registers, VGA_INPUT_STATUS);
    register_write_8(registers, VGA_ATTRIBUTE, VGA_UNBLANK);
}

static const char *start(const struct pci_function *function, struct framebuffer *framebuffer)
{
    pci_enable(function);
    uint64_t registers_address = pci_bar_address(function, REGISTERS_BAR);
    uint64_t pixels_address = pci_bar_address(function, FRAMEBUFFER_BAR);
    if (!registers_address || !pixels_address)
        return "the device's memory has no address";
    volatile void *registers =
        map_device_memory(registers_address, REGISTERS_LENGTH, MEMORY_REGISTERS);
    if (!registers)
        return "the registers are out of reach";
    uint16_t id = display_read(registers, DISPLAY_ID);
    if (id < DISPLAY_ID_FIRST || id > DISPLAY_ID_LAST)
        return "the display registers do not answer";

    struct mode mode;
    uint64_t memory = (uint64_t)display_read(registers, DISPLAY_MEMORY_64_KIB) * 65536;
    if (!choose_mode(registers, memory, &mode))
        return "no known mode fits into the device's memory";
    uint32_t stride = mode.width * 4;
    framebuffer->pixels =
        map_device_memory(pixels_address, (uint64_t)stride * mode.height, MEMORY_WRITE_COMBINING);
    if (!framebuffer->pixels)
        return "the framebuffer is out of reach";
    framebuffer->shape = (struct framebuffer_shape){mode.width, mode.height, stride, 32};
    set_mode(registers, mode);
    return NULL;
}

const struct gpu_driver gpu_bochs = {
    .kind = "bochs", .recognizes = recognizes, .name = name, .start = start};
