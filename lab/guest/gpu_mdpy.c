// SPDX-License-Identifier: Apache-2.0
//
// The kernel's sample vGPU mdpy: a framebuffer in BAR 0 whose shape stands in a
// vendor capability and cannot be changed. Offsets and ids from
// samples/vfio-mdev/mdpy-defs.h.

#include "frame_memory.h"
#include "gpu.h"
#include "paging.h"

#define VENDOR_RED_HAT 0x1b36
#define DEVICE_MDPY 0x000f
#define FRAMEBUFFER_BAR 0

#define SHAPE_FORMAT 0x44
#define SHAPE_WIDTH 0x48
#define SHAPE_HEIGHT 0x4c
#define FORMAT_XRGB8888 0x34325258u // drm_fourcc.h: "XR24"

static bool recognizes(const struct pci_function *function)
{
    return function->vendor_id == VENDOR_RED_HAT && function->device_id == DEVICE_MDPY;
}

static const char *name(const struct pci_function *function)
{
    (void)function;
    return "mdpy virtual display";
}

static const char *start(const struct pci_function *function, struct framebuffer *framebuffer)
{
    pci_enable(function);
    uint32_t width = pci_read_32(function, SHAPE_WIDTH);
    uint32_t height = pci_read_32(function, SHAPE_HEIGHT);
    uint32_t stride = width * 4;
    if (pci_read_32(function, SHAPE_FORMAT) != FORMAT_XRGB8888)
        return "the framebuffer's format is not XRGB8888";
    if (width == 0 || width % 2 || width > FRAME_MAXIMUM_WIDTH || height == 0 ||
        height > FRAME_MAXIMUM_HEIGHT)
        return "the framebuffer's size is not supported";
    uint64_t address = pci_bar_address(function, FRAMEBUFFER_BAR);
    if (!address)
        return "the device's memory has no address";
    framebuffer->pixels =
        map_device_memory(address, (uint64_t)stride * height, MEMORY_WRITE_COMBINING);
    if (!framebuffer->pixels)
        return "the framebuffer is out of reach";
    framebuffer->shape = (struct framebuffer_shape){width, height, stride, 32};
    return NULL;
}

const struct gpu_driver gpu_mdpy = {
    .kind = "mdpy", .recognizes = recognizes, .name = name, .start = start};
