// SPDX-License-Identifier: GPL-2.0
/*
 * A DRM device on the GPU: /dev/dri/cardN and /dev/dri/renderDN, with nothing
 * behind them but memory.
 *
 * It is there for the display of a vGPU. QEMU takes the DMABUF of a vGPU's
 * plane into OpenGL on the render node of the GPU; here that is Mesa's
 * software renderer, which imports the DMABUF and maps it the way of dumb
 * buffers. Two rules of the DRM core stand against that
 * (drivers/gpu/drm/drm_ioctl.c: no dumb buffers on render nodes;
 * drivers/gpu/drm/drm_gem.c, drm_gem_dumb_map_offset(): no mapping of imported
 * buffers), and vgem keeps to both, after which Mesa reads from address 0. So
 * DRM_IOCTL_MODE_MAP_DUMB is answered here before the core sees it.
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_mode.h>
#include <drm/drm_vma_manager.h>

#include "igpu.h"

static long map_dumb(struct file *file, void __user *arg)
{
	struct drm_mode_map_dumb request;
	struct drm_gem_object *object;
	long ret;

	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	object = drm_gem_object_lookup(file->private_data, request.handle);
	if (!object)
		return -ENOENT;
	ret = drm_gem_create_mmap_offset(object);
	if (!ret) {
		request.offset = drm_vma_node_offset_addr(&object->vma_node);
		if (copy_to_user(arg, &request, sizeof(request)))
			ret = -EFAULT;
	}
	drm_gem_object_put(object);
	return ret;
}

static long igpu_drm_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	if (cmd == DRM_IOCTL_MODE_MAP_DUMB)
		return map_dumb(file, (void __user *)arg);
	return drm_ioctl(file, cmd, arg);
}

static const struct file_operations igpu_drm_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = igpu_drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
};

/* Name, version and date of the real one: i915_driver.h. */
static const struct drm_driver igpu_drm_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.fops = &igpu_drm_fops,
	.name = "i915",
	.desc = "Intel Graphics (a model in cleave's lab)",
	.date = "20201103",
	.major = 1,
	.minor = 6,
	DRM_GEM_SHMEM_DRIVER_OPS,
};

struct drm_device *igpu_drm_create(struct pci_dev *pdev)
{
	struct drm_device *drm;
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(39));
	if (ret)
		return ERR_PTR(ret);
	drm = drm_dev_alloc(&igpu_drm_driver, &pdev->dev);
	if (IS_ERR(drm))
		return drm;
	ret = drm_dev_register(drm, 0);
	if (ret) {
		drm_dev_put(drm);
		return ERR_PTR(ret);
	}
	return drm;
}

void igpu_drm_destroy(struct drm_device *drm)
{
	drm_dev_unregister(drm);
	drm_dev_put(drm);
}
