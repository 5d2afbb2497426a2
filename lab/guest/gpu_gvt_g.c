// SPDX-License-Identifier: Apache-2.0
//
// A vGPU of Intel's GVT-g. Written from the host side's source
// (drivers/gpu/drm/i915/gvt, Linux 6.1) and unverified on real hardware: it has
// run only against this project's stand-in for the host side (lab/kernel).
//
// What the host needs to show a picture is little (gvt/fb_decoder.c,
// intel_vgpu_decode_primary_plane): pipe A enabled, its source size, and a plane
// with a format, a stride and a surface address inside the vGPU's own part of
// the graphics address space, whose page table entries lead to guest memory.
// Everything else is left as the host set it up:
//   - Of the PVINFO page only the documented fields are read and none is
//     written; writing its reserved words means "resources do not suffice" and
//     ends in failsafe mode (gvt/handlers.c, pvinfo_mmio_write).
//   - No fence register is touched; one outside the vGPU's share before PVINFO
//     was read means failsafe mode as well (sanitize_fence_mmio_access).
//   - No ring, no PPGTT, no g2v notification: nothing is submitted to the GPU.
//   - display_ready is not written: it only raises a uevent on the host.
//   - The EDID is behind DisplayPort AUX, not GMBUS (the virtual monitor is a DP
//     one, gvt/display.c), so the mode follows from the type's aperture instead.

#include "frame_memory.h"
#include "gpu.h"
#include "paging.h"
#include "processor.h"

#define VENDOR_INTEL 0x8086
#define REGISTERS_BAR 0
#define APERTURE_BAR 2

// i915_pvinfo.h, struct vgt_if.
#define PVINFO_MAGIC 0x78000
#define PVINFO_VERSION_MAJOR 0x78008
#define PVINFO_APERTURE_BASE 0x78040
#define PVINFO_APERTURE_SIZE 0x78044
#define PVINFO_LENGTH 0x1000
#define MAGIC 0x4776544776544776ul
#define VERSION_MAJOR 1

// Gen 8 and later: registers in the lower half of the 16 MiB, the global page
// table in the upper (gvt/gvt.c, gtt_start_offset; gt/intel_gtt.h).
#define REGISTERS_LENGTH 0x1000000ul
#define GLOBAL_PAGE_TABLE 0x800000u
#define PAGE_SIZE 4096u
#define ENTRY_SIZE 8u
#define ENTRY_PRESENT 1ul

// i915_reg.h: pipe A and its first plane.
#define PIPE_SOURCE 0x6001c
#define PIPE_CONFIGURATION 0x70008
#define PLANE_CONTROL 0x70180
#define PLANE_OFFSET_GEN_8 0x70184
#define PLANE_STRIDE 0x70188
#define PLANE_POSITION 0x7018c
#define PLANE_SIZE 0x70190
#define PLANE_SURFACE 0x7019c
#define PLANE_OFFSET 0x701a4
#define ENABLE 0x80000000u
#define FORMAT_XRGB8888_GEN_9 (4u << 24)
#define FORMAT_XRGB8888_GEN_8 (6u << 26)
#define LINEAR_STRIDE_UNIT_GEN_9 64u

// The types' resolution strings follow their share of the aperture
// (gvt/vgpu.c, the table of types).
#define APERTURE_OF_LARGE_TYPES 0x8000000u

struct share {
    uint32_t aperture_base; // both an address in graphics memory and an offset in BAR 2
    uint32_t aperture_size;
};

static volatile void *registers_of(const struct pci_function *function, uint64_t offset,
                                   uint64_t length)
{
    uint64_t address = pci_bar_address(function, REGISTERS_BAR);
    return address ? map_device_memory(address + offset, length, MEMORY_REGISTERS) : NULL;
}

static bool recognizes(const struct pci_function *function)
{
    if (function->vendor_id != VENDOR_INTEL)
        return false;
    pci_enable(function);
    volatile void *pvinfo = registers_of(function, PVINFO_MAGIC, PVINFO_LENGTH);
    return pvinfo && register_read_64(pvinfo, 0) == MAGIC &&
           register_read_16(pvinfo, PVINFO_VERSION_MAJOR - PVINFO_MAGIC) >= VERSION_MAJOR;
}

// The upper byte of the device id tells the generations apart that GVT-g
// supports (include/drm/i915_pciids.h).
static const char *name(const struct pci_function *function)
{
    switch (function->device_id >> 8) {
    case 0x16: return "Intel HD Graphics (Broadwell)";
    case 0x19: return "Intel HD Graphics (Skylake)";
    case 0x59: return "Intel HD Graphics (Kaby Lake)";
    case 0x87: return "Intel UHD Graphics (Amber Lake)";
    case 0x3e: return "Intel UHD Graphics (Coffee Lake)";
    case 0x9b: return "Intel UHD Graphics (Comet Lake)";
    case 0x0a:
    case 0x1a:
    case 0x5a: return "Intel HD Graphics (Apollo Lake)";
    default: return "Intel Graphics";
    }
}

static bool is_gen_8(const struct pci_function *function)
{
    return function->device_id >> 8 == 0x16;
}

static struct framebuffer_shape shape_for(struct share share)
{
    bool large = share.aperture_size >= APERTURE_OF_LARGE_TYPES;
    uint32_t width = large ? FRAME_MAXIMUM_WIDTH : 1024;
    uint32_t height = large ? FRAME_MAXIMUM_HEIGHT : 768;
    return (struct framebuffer_shape){width, height, width * 4, 32};
}

// Written as 64 bits each. The host's VFIO layer may pass that on as two halves,
// which GVT-g joins again (gvt/gtt.c, emulate_ggtt_mmio_write).
static void fill_page_table(volatile void *registers, uint32_t graphics_address, uint32_t length)
{
    for (uint32_t offset = 0; offset < length; offset += PAGE_SIZE)
        register_write_64(registers,
                          GLOBAL_PAGE_TABLE + (graphics_address + offset) / PAGE_SIZE * ENTRY_SIZE,
                          (FRAME_MEMORY_SCANOUT + offset) | ENTRY_PRESENT);
}

// The surface address comes last: writing it makes the plane's other registers
// take effect.
static void show_plane(volatile void *registers, const struct framebuffer_shape *shape,
                       uint32_t graphics_address, bool gen_8)
{
    uint32_t format = gen_8 ? FORMAT_XRGB8888_GEN_8 : FORMAT_XRGB8888_GEN_9;
    uint32_t stride = gen_8 ? shape->stride : shape->stride / LINEAR_STRIDE_UNIT_GEN_9;
    register_write_32(registers, PIPE_SOURCE, (shape->width - 1) << 16 | (shape->height - 1));
    register_write_32(registers, PLANE_STRIDE, stride);
    register_write_32(registers, PLANE_OFFSET, 0);
    if (gen_8) {
        register_write_32(registers, PLANE_OFFSET_GEN_8, 0);
    } else {
        register_write_32(registers, PLANE_POSITION, 0);
        register_write_32(registers, PLANE_SIZE, (shape->height - 1) << 16 | (shape->width - 1));
    }
    register_write_32(registers, PLANE_CONTROL, ENABLE | format);
    register_write_32(registers, PLANE_SURFACE, graphics_address);
    register_write_32(registers, PIPE_CONFIGURATION,
                      register_read_32(registers, PIPE_CONFIGURATION) | ENABLE);
}

static const char *start(const struct pci_function *function, struct framebuffer *framebuffer)
{
    volatile void *registers = registers_of(function, 0, REGISTERS_LENGTH);
    uint64_t aperture = pci_bar_address(function, APERTURE_BAR);
    if (!registers || !aperture)
        return "the vGPU's memory has no address";
    struct share share = {
        .aperture_base = register_read_32(registers, PVINFO_APERTURE_BASE),
        .aperture_size = register_read_32(registers, PVINFO_APERTURE_SIZE),
    };
    struct framebuffer_shape shape = shape_for(share);
    uint32_t length = shape.stride * shape.height;
    if (share.aperture_base % PAGE_SIZE || share.aperture_size < length)
        return "the vGPU's share of the aperture is too small";
    framebuffer->pixels =
        map_device_memory(aperture + share.aperture_base, length, MEMORY_WRITE_COMBINING);
    if (!framebuffer->pixels)
        return "the aperture is out of reach";
    framebuffer->shape = shape;
    fill_page_table(registers, share.aperture_base, length);
    show_plane(registers, &shape, share.aperture_base, is_gen_8(function));
    return NULL;
}

const struct gpu_driver gpu_gvt_g = {
    .kind = "gvt-g", .recognizes = recognizes, .name = name, .start = start};
