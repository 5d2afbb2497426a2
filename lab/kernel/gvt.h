/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lab's kvmgt.ko: virtual GPUs as GVT-g shows them, without a GPU.
 *
 * Numbers and behaviour come from drivers/gpu/drm/i915/gvt/ of Linux 6.1; the
 * file is named next to each of them. Nothing here executes GPU commands.
 */
#ifndef CLEAVE_LAB_GVT_H
#define CLEAVE_LAB_GVT_H

#include <linux/eventfd.h>
#include <linux/idr.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "igpu.h"

#define gvt_err(fmt, ...)	pr_err("gvt: " fmt, ##__VA_ARGS__)
#define vgpu_err(vgpu, fmt, ...) \
	pr_err("gvt: vgpu %d: " fmt, (vgpu)->id, ##__VA_ARGS__)
#define vgpu_err_ratelimited(vgpu, fmt, ...) \
	pr_err_ratelimited("gvt: vgpu %d: " fmt, (vgpu)->id, ##__VA_ARGS__)

/* gvt/gvt.h */
#define GVT_MAX_VGPU		8	/* ids 1 to 7; 0 is the idle one */
#define HOST_LOW_GM_SIZE	((u64)128 * SZ_1M)
#define HOST_HIGH_GM_SIZE	((u64)384 * SZ_1M)
#define HOST_FENCE		4
/* gt/intel_ggtt.c: 32 fences and 4 GiB of GGTT since generation 8 */
#define GVT_FENCES		32
#define GVT_GGTT_SPAN		((u64)4 * SZ_1G)

/* kvmgt.c, init_device_info() */
#define VGPU_CFG_SIZE		PCI_CFG_SPACE_EXP_SIZE
#define VGPU_BAR0_SIZE		SZ_16M
#define VGPU_MMIO_SIZE		SZ_2M
#define VGPU_GGTT_OFFSET	SZ_8M
#define VGPU_GGTT_SIZE		SZ_8M	/* 4 GiB / 4 KiB * 8 bytes */
#define GGTT_PTE_PRESENT	BIT_ULL(0)	/* gt/intel_gtt.h */

/* vfio_pci_core.h: the region's index stands above bit 40 of the offset. */
#define VGPU_REGION_SHIFT	40
#define VGPU_REGION_OFFSET(index)	((u64)(index) << VGPU_REGION_SHIFT)
#define VGPU_REGION_MASK	(BIT_ULL(VGPU_REGION_SHIFT) - 1)

/* Regions after those of PCI, in the order in which they are offered. */
enum vgpu_region {
	VGPU_REGION_OPREGION = VFIO_PCI_NUM_REGIONS,
	VGPU_REGION_EDID,
	VGPU_REGION_DISPLAY_FIRST,	/* display=region only */
	VGPU_REGION_DISPLAY_LAST = VGPU_REGION_DISPLAY_FIRST + 3,
	VGPU_NUM_REGIONS,
};

#define VGPU_DISPLAY_SLOTS \
	(VGPU_REGION_DISPLAY_LAST - VGPU_REGION_DISPLAY_FIRST + 1)
#define VGPU_DISPLAY_SLOT_SIZE	SZ_16M	/* 1920x1200 at 32 bits is 8.8 MiB */

#define OPREGION_SIZE		(2 * PAGE_SIZE)	/* gvt/reg.h: two pages */
#define EDID_SIZE		128
#define EDID_BLOB_OFFSET	(PAGE_SIZE / 2)	/* kvmgt.c */

/* One type of vGPU: gvt/vgpu.c, intel_vgpu_configs. */
struct gvt_config {
	u64 low_gm;
	u64 high_gm;
	unsigned int fence;
	unsigned int weight;
	unsigned int xres;
	unsigned int yres;
	const char *suffix;
};

struct gvt_type {
	struct mdev_type type;
	char name[16];
	const struct gvt_config *conf;
};

#define GVT_NUM_CONFIGS		4

struct gvt {
	struct igpu *igpu;
	struct mutex lock;		/* everything below */
	struct idr vgpus;
	u64 low_total, high_total;	/* bytes, the host's part included */
	u64 low_taken, high_taken;
	unsigned int fence_taken;
	struct list_head spans;		/* struct gvt_span, by owner */
	struct gvt_type types[GVT_NUM_CONFIGS];
	struct mdev_type *mdev_types[GVT_NUM_CONFIGS];
	unsigned int num_types;
	struct mdev_parent parent;
};

/* A range of the graphics address space that belongs to one vGPU. */
struct gvt_span {
	struct list_head node;
	u64 start;
	u64 size;
};

/* Memory that costs nothing until it is touched. */
struct lazy_mem {
	struct xarray pages;
	u64 size;
};

/* The primary plane as the registers describe it. */
struct vgpu_plane {
	u32 base;		/* graphics address */
	u32 width, height, stride;
	u32 drm_format;
	u32 size;
};

struct vgpu {
	struct vfio_device vfio_device;	/* first: vfio_alloc_device() */
	struct gvt *gvt;
	const struct gvt_config *conf;
	int id;
	struct gvt_span low, high;

	struct mutex lock;		/* everything below */
	u8 cfg[VGPU_CFG_SIZE];
	struct lazy_mem mmio;
	struct lazy_mem ggtt;
	struct lazy_mem aperture;
	u8 *opregion;
	struct vfio_region_gfx_edid edid;
	u8 edid_blob[EDID_SIZE];
	ktime_t pipe_since;		/* pipe A has been on since then */
	struct eventfd_ctx *msi_trigger;

	struct list_head planes;	/* struct known_plane, dmabuf only */
	unsigned int num_planes;
	u32 next_plane_id;
	u32 slot_base[VGPU_DISPLAY_SLOTS];	/* 0 = free */
	u32 slot_size[VGPU_DISPLAY_SLOTS];
	unsigned int next_slot;

	bool attached;			/* gvt->lock */
	struct mm_struct *owner;	/* gvt->lock; the process that opened it */
};

static inline struct vgpu *to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct vgpu, vfio_device);
}

/* gvt_switches.c */
enum display_mode { DISPLAY_DMABUF, DISPLAY_REGION };
bool gvt_switch_fail_create(void);
bool gvt_switch_busy(void);
bool gvt_switch_require_kvm(void);
bool gvt_switch_check_ptes(void);
unsigned int gvt_switch_register_delay_ms(void);
enum display_mode gvt_switch_display(void);
int gvt_switches_init(void);
void gvt_switches_exit(void);

/* gvt_main.c */
bool gvt_is_parent(const struct mdev_parent *parent);
extern struct mdev_driver gvt_mdev_driver;	/* vgpu_vfio.c */

/* gvt_resource.c */
void gvt_resource_init(struct gvt *gvt);
unsigned int gvt_resource_available(struct gvt *gvt,
				    const struct gvt_config *conf);
int gvt_resource_take(struct gvt *gvt, struct vgpu *vgpu);
void gvt_resource_give_back(struct gvt *gvt, struct vgpu *vgpu);

/* vgpu_memory.c */
void lazy_mem_init(struct lazy_mem *mem, u64 size);
struct page *lazy_mem_page(struct lazy_mem *mem, pgoff_t index);
int lazy_mem_read(struct lazy_mem *mem, u64 off, void *buf, size_t count);
int lazy_mem_write(struct lazy_mem *mem, u64 off, const void *buf,
		   size_t count);
void lazy_mem_clear(struct lazy_mem *mem);
void lazy_mem_free(struct lazy_mem *mem);

/* vgpu_config.c */
void vgpu_config_init(struct vgpu *vgpu);
int vgpu_config_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		   bool write);

/* vgpu_mmio.c */
void vgpu_mmio_init(struct vgpu *vgpu);
int vgpu_mmio_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		 bool write);
u32 vgpu_reg(struct vgpu *vgpu, u32 off);
void vgpu_set_reg(struct vgpu *vgpu, u32 off, u32 val);
bool vgpu_gm_valid(struct vgpu *vgpu, u64 gma);
u64 vgpu_ggtt_entry(struct vgpu *vgpu, u64 gma);
void vgpu_hotplug(struct vgpu *vgpu, bool connected);

/* vgpu_display.c */
long vgpu_query_plane(struct vgpu *vgpu, void __user *arg);
long vgpu_get_dmabuf(struct vgpu *vgpu, u32 id);
void vgpu_display_reset(struct vgpu *vgpu);
bool vgpu_display_slot(struct vgpu *vgpu, unsigned int slot, u32 *base,
		       u32 *size);

/* vgpu_regions.c */
int vgpu_regions_init(struct vgpu *vgpu);
void vgpu_regions_free(struct vgpu *vgpu);
int vgpu_opregion_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		     bool write);
int vgpu_edid_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		 bool write);

#endif
