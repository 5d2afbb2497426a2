/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the lab's i915.ko offers to the lab's kvmgt.ko.
 *
 * The real pair splits the work in the same way: i915.ko owns the device and
 * decides whether GVT-g may run at all (drivers/gpu/drm/i915/intel_gvt.c),
 * kvmgt.ko brings the virtual GPUs (drivers/gpu/drm/i915/gvt/).
 */
#ifndef CLEAVE_LAB_IGPU_H
#define CLEAVE_LAB_IGPU_H

#include <linux/pci.h>
#include <linux/types.h>

struct drm_device;
struct gvt;

/* The one GPU of the laptop. */
struct igpu {
	struct pci_dev *pdev;
	struct drm_device *drm;
	u64 aperture_size;	/* BAR 2 in bytes */
	unsigned int graphics_ver;
	struct gvt *gvt;	/* set by kvmgt.ko while GVT-g is on */
};

struct igpu_gvt_ops {
	int (*init_device)(struct igpu *igpu);
	void (*clean_device)(struct igpu *igpu);
};

int cleave_igpu_set_gvt_ops(const struct igpu_gvt_ops *ops);
void cleave_igpu_clear_gvt_ops(const struct igpu_gvt_ops *ops);

/* igpu_bus.c, private to i915.ko */
int igpu_bus_create(u16 device_id, u64 aperture_size);
void igpu_bus_destroy(void);
bool igpu_bus_owns(const struct pci_dev *pdev);

/* igpu_drm.c, private to i915.ko */
struct drm_device *igpu_drm_create(struct pci_dev *pdev);
void igpu_drm_destroy(struct drm_device *drm);

#endif
