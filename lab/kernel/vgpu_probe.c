// SPDX-License-Identifier: GPL-2.0
/*
 * vgpu_probe: checks a vGPU through VFIO, without a VM.
 *
 * Opens the vGPU as QEMU does, reads what a guest would see, draws a picture
 * through the aperture, asks for the plane and compares the pixels. Prints one
 * JSON object; exits with 1 if a check failed and with 2 if it could not start.
 *
 *	cc -std=c11 -Wall -Wextra -Werror -O2 -o vgpu_probe vgpu_probe.c
 *	./vgpu_probe UUID [UUID of a second vGPU]
 *
 * With a second one it also checks that one process cannot have two.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE			4096u
#define GGTT			0x800000u
#define FOURCC_XRGB8888		0x34325258u
#define PVINFO			0x78000u
#define VGT_MAGIC		0x4776544776544776ull

struct vgpu {
	int container;
	int group;
	int device;
};

static int failures;
static int checks;

/* One line of the report; a value that is not as expected is a failure. */
static void check(const char *name, uint64_t got, uint64_t expected)
{
	bool ok = got == expected;

	printf("%s\n    {\"check\": \"%s\", \"ok\": %s, \"got\": \"0x%llx\"",
	       checks++ ? "," : "", name, ok ? "true" : "false",
	       (unsigned long long)got);
	if (!ok) {
		printf(", \"expected\": \"0x%llx\"",
		       (unsigned long long)expected);
		failures++;
	}
	printf("}");
}

static int group_number(const char *uuid)
{
	char path[128], target[256], *slash;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%.36s/iommu_group",
		 uuid);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -1;
	target[length] = 0;
	slash = strrchr(target, '/');
	return slash ? atoi(slash + 1) : -1;
}

/* 0, or the errno of the step that failed. */
static int vgpu_open(struct vgpu *vgpu, const char *uuid)
{
	char path[64], name[40];
	int group = group_number(uuid);

	if (group < 0)
		return ENOENT;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	snprintf(name, sizeof(name), "%.36s", uuid);
	vgpu->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (vgpu->container < 0)
		return errno;
	vgpu->group = open(path, O_RDWR | O_CLOEXEC);
	if (vgpu->group < 0 ||
	    ioctl(vgpu->group, VFIO_GROUP_SET_CONTAINER, &vgpu->container) ||
	    ioctl(vgpu->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return errno;
	vgpu->device = ioctl(vgpu->group, VFIO_GROUP_GET_DEVICE_FD, name);
	return vgpu->device < 0 ? errno : 0;
}

/* What VFIO says about a region, with its capabilities. */
static bool region_info(int device, uint32_t index,
			struct vfio_region_info *info, size_t size)
{
	memset(info, 0, size);
	info->argsz = size;
	info->index = index;
	return ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info) == 0;
}

static uint64_t region_base[VFIO_PCI_NUM_REGIONS];

static uint64_t get(int device, uint32_t region, uint64_t off, size_t size)
{
	uint64_t value = 0;

	if (pread(device, &value, size, (off_t)(region_base[region] + off)) !=
	    (ssize_t)size)
		return UINT64_MAX;
	return value;
}

static void put(int device, uint32_t region, uint64_t off, uint64_t value,
		size_t size)
{
	if (pwrite(device, &value, size, (off_t)(region_base[region] + off)) !=
	    (ssize_t)size)
		check("a write is accepted", off, 0);
}

static uint64_t reg(int device, uint32_t off)
{
	return get(device, VFIO_PCI_BAR0_REGION_INDEX, off, 4);
}

static void set_reg(int device, uint32_t off, uint32_t value)
{
	put(device, VFIO_PCI_BAR0_REGION_INDEX, off, value, 4);
}

static uint32_t pixel_at(uint32_t x, uint32_t y)
{
	return (x * 7 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x ^ y) & 0xff);
}

static void *capability(struct vfio_region_info *info, uint16_t id)
{
	uint32_t at = info->cap_offset;

	while (at) {
		struct vfio_info_cap_header *header =
			(void *)((char *)info + at);

		if (header->id == id)
			return header;
		at = header->next;
	}
	return NULL;
}

static uint32_t find_region(int device, uint32_t type, uint32_t subtype)
{
	union {
		struct vfio_region_info info;
		char room[256];
	} region;
	uint32_t index;

	for (index = VFIO_PCI_NUM_REGIONS;
	     region_info(device, index, &region.info, sizeof(region)); index++) {
		struct vfio_region_info_cap_type *cap =
			capability(&region.info, VFIO_REGION_INFO_CAP_TYPE);

		if (cap && cap->type == type && cap->subtype == subtype)
			return index;
	}
	return 0;
}

static uint64_t region_offset(int device, uint32_t index)
{
	struct vfio_region_info info;

	return region_info(device, index, &info, sizeof(info)) ? info.offset : 0;
}

static void check_extra_regions(int device)
{
	uint32_t opregion = find_region(device, 0x8086 |
					VFIO_REGION_TYPE_PCI_VENDOR_TYPE,
					VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION);
	uint32_t edid = find_region(device, VFIO_REGION_TYPE_GFX,
				    VFIO_REGION_SUBTYPE_GFX_EDID);
	struct vfio_region_gfx_edid edid_regs;
	char signature[17] = "";
	uint8_t blob[128], sum = 0;
	uint32_t link;
	uint64_t at;
	size_t i;

	check("there is an OpRegion", opregion != 0, 1);
	at = region_offset(device, opregion);
	check("the OpRegion's signature is read",
	      pread(device, signature, 16, (off_t)at) == 16, 1);
	check("it is IntelGraphicsMem", strcmp(signature, "IntelGraphicsMem"),
	      0);

	check("there is an EDID region", edid != 0, 1);
	at = region_offset(device, edid);
	check("its registers are read",
	      pread(device, &edid_regs, sizeof(edid_regs), (off_t)at) ==
	      sizeof(edid_regs), 1);
	check("the largest EDID is one block", edid_regs.edid_max_size, 128);
	at += edid_regs.edid_offset;
	check("the EDID is read",
	      pread(device, blob, sizeof(blob), (off_t)at) == sizeof(blob), 1);
	for (i = 0; i < sizeof(blob); i++)
		sum += blob[i];
	check("its sum is 0", sum, 0);
	at = region_offset(device, edid) +
	     offsetof(struct vfio_region_gfx_edid, link_state);
	link = VFIO_DEVICE_GFX_LINK_STATE_DOWN;
	check("the link goes down", pwrite(device, &link, 4, (off_t)at), 4);
	check("the strap follows", reg(device, 0xc2014) & 1, 0);
	link = VFIO_DEVICE_GFX_LINK_STATE_UP;
	check("the link goes up", pwrite(device, &link, 4, (off_t)at), 4);
	check("the strap follows again", reg(device, 0xc2014) & 1, 1);
}

static void check_identity(int device)
{
	const uint32_t cfg = VFIO_PCI_CONFIG_REGION_INDEX;

	check("vendor", get(device, cfg, 0x00, 2), 0x8086);
	check("class", get(device, cfg, 0x0a, 2), 0x0300);
	check("decoding is off", get(device, cfg, 0x04, 2) & 7, 0);
	put(device, cfg, 0x10, 0xffffffff, 4);
	check("BAR 0 is 16 MiB, 64 bits", get(device, cfg, 0x10, 4),
	      0xff000004);
	put(device, cfg, 0x20, 0xffffffff, 4);
	check("BAR 4 is empty", get(device, cfg, 0x20, 4), 0);
	check("PVINFO: magic", get(device, VFIO_PCI_BAR0_REGION_INDEX, PVINFO,
				   4) |
	      get(device, VFIO_PCI_BAR0_REGION_INDEX, PVINFO + 4, 4) << 32,
	      VGT_MAGIC);
	check("PVINFO: version", reg(device, PVINFO + 8), 1);
	check("PVINFO: fences", reg(device, PVINFO + 0x50), 4);
	check("pipe A is on", reg(device, 0x70008) >> 31, 1);
	set_reg(device, 0xa278, 0x00010001);
	check("forcewake is acknowledged", reg(device, 0xd84), 1);
}

static bool query(int device, uint32_t flags,
		  struct vfio_device_gfx_plane_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->flags = flags;
	info->drm_plane_type = 1;
	return ioctl(device, VFIO_DEVICE_QUERY_GFX_PLANE, info) == 0;
}

static void compare_picture(const uint32_t *shown, uint32_t width,
			    uint32_t height)
{
	uint32_t x, y, wrong = 0;

	for (y = 0; y < height; y++)
		for (x = 0; x < width; x++)
			wrong += shown[y * width + x] != pixel_at(x, y);
	check("pixels that differ", wrong, 0);
}

static void show_picture(int device, uint32_t base, uint32_t width,
			 uint32_t height, bool large_ptes)
{
	uint32_t off;

	for (off = 0; off < width * height * 4; off += PAGE) {
		uint64_t pte = (0x1000000ull + off) | 1;
		uint64_t at = GGTT + (uint64_t)(base + off) / PAGE * 8;

		if (large_ptes) {
			put(device, VFIO_PCI_BAR0_REGION_INDEX, at, pte, 8);
		} else {
			put(device, VFIO_PCI_BAR0_REGION_INDEX, at,
			    (uint32_t)pte, 4);
			put(device, VFIO_PCI_BAR0_REGION_INDEX, at + 4,
			    pte >> 32, 4);
		}
	}
	set_reg(device, 0x6001c, (width - 1) << 16 | (height - 1));
	set_reg(device, 0x70188, width * 4 / 64);
	set_reg(device, 0x70190, (height - 1) << 16 | (width - 1));
	set_reg(device, 0x70180, 1u << 31 | 4u << 24);
	set_reg(device, 0x7019c, base);
}

static void check_picture(int device)
{
	const uint32_t width = 1024, height = 768, size = width * height * 4;
	uint32_t base = reg(device, PVINFO + 0x40);
	uint32_t share = reg(device, PVINFO + 0x44);
	union {
		struct vfio_region_info info;
		char room[256];
	} bar2;
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_device_gfx_plane_info plane;
	uint32_t *pixels, *shown, x, y;
	uint32_t kind;
	int fd = -1;

	check("BAR 2 is described", region_info(device,
						VFIO_PCI_BAR2_REGION_INDEX,
						&bar2.info, sizeof(bar2)), 1);
	sparse = capability(&bar2.info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	check("part of BAR 2 can be mapped", sparse && sparse->nr_areas == 1,
	      1);
	if (!sparse)
		return;
	check("that part begins where PVINFO says", sparse->areas[0].offset,
	      base);
	check("and is as large", sparse->areas[0].size, share);
	check("the rest cannot be mapped",
	      mmap(NULL, PAGE, PROT_READ, MAP_SHARED, device,
		   (off_t)bar2.info.offset) == MAP_FAILED, 1);
	pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		      (off_t)(bar2.info.offset + base));
	check("the share is mapped", pixels != MAP_FAILED, 1);
	if (pixels == MAP_FAILED)
		return;
	for (y = 0; y < height; y++)
		for (x = 0; x < width; x++)
			pixels[y * width + x] = pixel_at(x, y);
	check("reading BAR 2 shows the same",
	      get(device, VFIO_PCI_BAR2_REGION_INDEX, base + 4, 4),
	      pixel_at(1, 0));

	kind = query(device, VFIO_GFX_PLANE_TYPE_PROBE |
		     VFIO_GFX_PLANE_TYPE_DMABUF, &plane) ?
	       VFIO_GFX_PLANE_TYPE_DMABUF : VFIO_GFX_PLANE_TYPE_REGION;
	check("one kind of plane is offered",
	      query(device, VFIO_GFX_PLANE_TYPE_PROBE | kind, &plane), 1);
	check("and the other is not",
	      query(device, VFIO_GFX_PLANE_TYPE_PROBE |
		    (kind ^ VFIO_GFX_PLANE_TYPE_DMABUF ^
		     VFIO_GFX_PLANE_TYPE_REGION), &plane), 0);
	check("before the first mode: success, no picture",
	      query(device, kind, &plane) && !plane.width, 1);

	show_picture(device, base, width, height, false);
	check("GGTT entries written in halves are kept",
	      get(device, VFIO_PCI_BAR0_REGION_INDEX,
		  GGTT + (uint64_t)base / PAGE * 8, 8), 0x1000001);
	show_picture(device, base, width, height, true);
	check("there is a plane", query(device, kind, &plane), 1);
	check("its format", plane.drm_format, FOURCC_XRGB8888);
	check("its width", plane.width, width);
	check("its height", plane.height, height);
	check("its stride", plane.stride, width * 4);

	if (kind == VFIO_GFX_PLANE_TYPE_DMABUF) {
		uint32_t id = plane.dmabuf_id;

		fd = ioctl(device, VFIO_DEVICE_GET_GFX_DMABUF, &id);
		check("it has a dma-buf", fd >= 0, 1);
		shown = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		query(device, kind, &plane);
		check("and keeps its number", plane.dmabuf_id, id);
	} else {
		shown = mmap(NULL, size, PROT_READ, MAP_SHARED, device,
			     (off_t)region_offset(device, plane.region_index));
	}
	check("the picture is mapped", shown != MAP_FAILED, 1);
	if (shown != MAP_FAILED) {
		compare_picture(shown, width, height);
		pixels[5] ^= 0xffffff;
		check("a change is seen at once", shown[5],
		      pixel_at(5, 0) ^ 0xffffff);
	}
	x = reg(device, 0x70040);
	usleep(100000);
	check("frames are counted", reg(device, 0x70040) > x, 1);

	check("reset", ioctl(device, VFIO_DEVICE_RESET), 0);
	check("after a reset there is no plane",
	      query(device, kind, &plane) && !plane.width, 1);
	check("and the memory is empty", pixels[9], 0);
	if (shown != MAP_FAILED)
		munmap(shown, size);
	munmap(pixels, size);
	if (fd >= 0)
		close(fd);
}

static void check_interrupts(int device)
{
	struct vfio_irq_info info = { .argsz = sizeof(info) };

	info.index = VFIO_PCI_INTX_IRQ_INDEX;
	check("INTx", ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) ||
	      info.count != 1, 0);
	info.index = VFIO_PCI_MSI_IRQ_INDEX;
	check("MSI", ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) ||
	      info.count != 1, 0);
	info.index = VFIO_PCI_MSIX_IRQ_INDEX;
	check("no MSI-X", ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info) == 0,
	      0);
}

int main(int argc, char **argv)
{
	struct vgpu vgpu, second;
	uint32_t i;
	int error;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: vgpu_probe UUID [SECOND-UUID]\n");
		return 2;
	}
	error = vgpu_open(&vgpu, argv[1]);
	if (error) {
		fprintf(stderr, "vgpu_probe: %s does not open: %s\n", argv[1],
			strerror(error));
		return 2;
	}
	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		region_base[i] = region_offset(vgpu.device, i);

	printf("{\"schema\": \"cleave.vgpu_probe/1\", \"vgpu\": \"%.36s\", \"checks\": [",
	       argv[1]);
	check_identity(vgpu.device);
	check_interrupts(vgpu.device);
	check_extra_regions(vgpu.device);
	check_picture(vgpu.device);
	if (argc == 3)
		check("a second vGPU for the same VM: EEXIST",
		      (uint64_t)vgpu_open(&second, argv[2]), EEXIST);
	printf("\n  ],\n  \"failures\": %d}\n", failures);
	return failures ? 1 : 0;
}
