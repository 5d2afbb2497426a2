// SPDX-License-Identifier: GPL-2.0
/*
 * A vGPU as a device of VFIO, and its life as a mediated device.
 *
 * Facts from gvt/kvmgt.c: regions and their flags, interrupts (INTx and MSI,
 * one each; only MSI keeps its eventfd), sizes of accesses (4, 2, 1 bytes, 8
 * for the GGTT only), what is refused with which error, one vGPU per VM, the
 * attribute intel_vgpu/vgpu_id. The real one knows VMs by their KVM; under
 * emulation there is none, so a process that has a vGPU open counts as one.
 */
#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gvt.h"

static int vgpu_init_dev(struct vfio_device *vdev)
{
	struct mdev_device *mdev = to_mdev_device(vdev->dev);
	struct gvt_type *type = container_of(mdev->type, struct gvt_type, type);
	struct gvt *gvt = container_of(mdev->type->parent, struct gvt, parent);
	struct vgpu *vgpu = to_vgpu(vdev);
	int ret;

	if (gvt_switch_busy())
		return -EBUSY;

	vgpu->gvt = gvt;
	vgpu->conf = type->conf;
	mutex_init(&vgpu->lock);
	INIT_LIST_HEAD(&vgpu->planes);
	vgpu->next_plane_id = 1;

	ret = gvt_resource_take(gvt, vgpu);
	if (ret)
		return ret;
	ret = vgpu_regions_init(vgpu);
	if (ret) {
		gvt_resource_give_back(gvt, vgpu);
		return ret;
	}
	lazy_mem_init(&vgpu->mmio, VGPU_MMIO_SIZE);
	lazy_mem_init(&vgpu->ggtt, VGPU_GGTT_SIZE);
	lazy_mem_init(&vgpu->aperture, vgpu->low.size);
	vgpu_config_init(vgpu);
	return 0;
}

static void vgpu_release_dev(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);

	lazy_mem_free(&vgpu->aperture);
	lazy_mem_free(&vgpu->ggtt);
	lazy_mem_free(&vgpu->mmio);
	vgpu_regions_free(vgpu);
	gvt_resource_give_back(vgpu->gvt, vgpu);
	vfio_free_device(vdev);
}

static bool same_vm(const struct vgpu *a, const struct vgpu *b)
{
	if (a->vfio_device.kvm && b->vfio_device.kvm)
		return a->vfio_device.kvm == b->vfio_device.kvm;
	return a->owner == b->owner;
}

static int vgpu_open_device(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	struct gvt *gvt = vgpu->gvt;
	struct vgpu *other;
	int ret = 0;
	int id;

	if (gvt_switch_require_kvm() && !vdev->kvm) {
		vgpu_err(vgpu, "KVM is required to use Intel vGPU\n");
		return -ESRCH;
	}

	mutex_lock(&gvt->lock);
	vgpu->owner = current->mm;
	idr_for_each_entry(&gvt->vgpus, other, id) {
		if (other->attached && same_vm(other, vgpu)) {
			ret = -EEXIST;
			break;
		}
	}
	if (ret) {
		vgpu->owner = NULL;
	} else {
		mmgrab(vgpu->owner);
		vgpu->attached = true;
	}
	mutex_unlock(&gvt->lock);
	if (ret)
		return ret;

	mutex_lock(&vgpu->lock);
	vgpu_mmio_init(vgpu);
	mutex_unlock(&vgpu->lock);
	return 0;
}

static void release_msi_trigger(struct vgpu *vgpu)
{
	if (vgpu->msi_trigger)
		eventfd_ctx_put(vgpu->msi_trigger);
	vgpu->msi_trigger = NULL;
}

static void vgpu_close_device(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);

	mutex_lock(&vgpu->lock);
	release_msi_trigger(vgpu);
	vgpu_display_reset(vgpu);
	lazy_mem_free(&vgpu->aperture);
	lazy_mem_free(&vgpu->ggtt);
	lazy_mem_free(&vgpu->mmio);
	vgpu_config_init(vgpu);
	mutex_unlock(&vgpu->lock);

	mutex_lock(&vgpu->gvt->lock);
	vgpu->attached = false;
	mmdrop(vgpu->owner);
	vgpu->owner = NULL;
	mutex_unlock(&vgpu->gvt->lock);
}

static void vgpu_reset(struct vgpu *vgpu)
{
	mutex_lock(&vgpu->lock);
	vgpu_display_reset(vgpu);
	lazy_mem_clear(&vgpu->aperture);
	vgpu_mmio_init(vgpu);
	vgpu_config_init(vgpu);
	mutex_unlock(&vgpu->lock);
}

static int aperture_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		       bool write)
{
	if (off < vgpu->low.start || off + count > vgpu->low.start +
						   vgpu->low.size) {
		vgpu_err_ratelimited(vgpu, "Invalid aperture offset %llu\n",
				     off);
		return -EINVAL;
	}
	off -= vgpu->low.start;
	return write ? lazy_mem_write(&vgpu->aperture, off, buf, count) :
		       lazy_mem_read(&vgpu->aperture, off, buf, count);
}

static int display_region_read(struct vgpu *vgpu, unsigned int slot, u64 off,
			       void *buf, size_t count)
{
	u32 base, size;

	if (!vgpu_display_slot(vgpu, slot, &base, &size) || off > size ||
	    count > size - off)
		return -EINVAL;
	return aperture_rw(vgpu, base + off, buf, count, false);
}

static int region_rw(struct vgpu *vgpu, loff_t pos, void *buf, size_t count,
		     bool write)
{
	unsigned int index = (u64)pos >> VGPU_REGION_SHIFT;
	u64 off = pos & VGPU_REGION_MASK;
	int ret;

	mutex_lock(&vgpu->lock);
	switch (index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		ret = vgpu_config_rw(vgpu, off, buf, count, write);
		break;
	case VFIO_PCI_BAR0_REGION_INDEX:
		ret = vgpu_mmio_rw(vgpu, off, buf, count, write);
		break;
	case VFIO_PCI_BAR2_REGION_INDEX:
		ret = aperture_rw(vgpu, off, buf, count, write);
		break;
	case VGPU_REGION_OPREGION:
		ret = vgpu_opregion_rw(vgpu, off, buf, count, write);
		break;
	case VGPU_REGION_EDID:
		ret = vgpu_edid_rw(vgpu, off, buf, count, write);
		break;
	case VGPU_REGION_DISPLAY_FIRST ... VGPU_REGION_DISPLAY_LAST:
		ret = write ? -EINVAL :
		      display_region_read(vgpu,
					  index - VGPU_REGION_DISPLAY_FIRST,
					  off, buf, count);
		break;
	default:
		ret = -EINVAL;
		break;
	}
	mutex_unlock(&vgpu->lock);
	return ret;
}

static size_t access_size(loff_t pos, size_t count)
{
	unsigned int index = (u64)pos >> VGPU_REGION_SHIFT;
	u64 off = pos & VGPU_REGION_MASK;

	if (count >= 8 && IS_ALIGNED(pos, 8) &&
	    index == VFIO_PCI_BAR0_REGION_INDEX && off >= VGPU_GGTT_OFFSET)
		return 8;
	if (count >= 4 && IS_ALIGNED(pos, 4))
		return 4;
	if (count >= 2 && IS_ALIGNED(pos, 2))
		return 2;
	return 1;
}

static ssize_t vgpu_read(struct vfio_device *vdev, char __user *buf,
			 size_t count, loff_t *ppos)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	size_t done = 0;

	while (done < count) {
		size_t part = access_size(*ppos, count - done);
		u64 val = 0;

		if (region_rw(vgpu, *ppos, &val, part, false) ||
		    copy_to_user(buf + done, &val, part))
			return -EFAULT;
		done += part;
		*ppos += part;
	}
	return done;
}

static ssize_t vgpu_write(struct vfio_device *vdev, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	size_t done = 0;

	while (done < count) {
		size_t part = access_size(*ppos, count - done);
		u64 val = 0;

		if (copy_from_user(&val, buf + done, part) ||
		    region_rw(vgpu, *ppos, &val, part, true))
			return -EFAULT;
		done += part;
		*ppos += part;
	}
	return done;
}

#define PGOFF_IN_REGION(pgoff) \
	((pgoff) & ((1UL << (VGPU_REGION_SHIFT - PAGE_SHIFT)) - 1))

static vm_fault_t vgpu_fault(struct vm_fault *vmf)
{
	struct vgpu *vgpu = vmf->vma->vm_private_data;
	unsigned int index = vmf->pgoff >> (VGPU_REGION_SHIFT - PAGE_SHIFT);
	u64 gma = (u64)PGOFF_IN_REGION(vmf->pgoff) << PAGE_SHIFT;
	struct page *page;

	if (index >= VGPU_REGION_DISPLAY_FIRST) {
		u32 base, size;

		if (!vgpu_display_slot(vgpu, index - VGPU_REGION_DISPLAY_FIRST,
				       &base, &size) || gma >= size)
			return VM_FAULT_SIGBUS;
		gma += base;
	}
	page = lazy_mem_page(&vgpu->aperture,
			     (gma - vgpu->low.start) >> PAGE_SHIFT);
	if (!page)
		return VM_FAULT_OOM;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vgpu_vm_ops = {
	.fault = vgpu_fault,
};

static int vgpu_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	unsigned int index = vma->vm_pgoff >> (VGPU_REGION_SHIFT - PAGE_SHIFT);
	u64 start = (u64)PGOFF_IN_REGION(vma->vm_pgoff) << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;

	switch (index) {
	case VFIO_PCI_BAR2_REGION_INDEX:
		if (start < vgpu->low.start ||
		    start + size > vgpu->low.start + vgpu->low.size)
			return -EINVAL;
		break;
	case VGPU_REGION_DISPLAY_FIRST ... VGPU_REGION_DISPLAY_LAST:
		if (start + size > VGPU_DISPLAY_SLOT_SIZE)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	vma->vm_flags |= VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_private_data = vgpu;
	vma->vm_ops = &vgpu_vm_ops;
	return 0;
}

static int num_regions(void)
{
	return gvt_switch_display() == DISPLAY_REGION ?
	       VGPU_NUM_REGIONS : VGPU_REGION_DISPLAY_FIRST;
}

static int add_type(struct vfio_info_cap *caps, u32 type, u32 subtype)
{
	struct vfio_region_info_cap_type cap = {
		.header.id = VFIO_REGION_INFO_CAP_TYPE,
		.header.version = 1,
		.type = type,
		.subtype = subtype,
	};

	return vfio_info_add_capability(caps, &cap.header, sizeof(cap));
}

static int add_sparse(struct vfio_info_cap *caps, u64 offset, u64 size)
{
	struct {
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area area;
	} sparse = {
		.cap.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP,
		.cap.header.version = 1,
		.cap.nr_areas = 1,
		.area.offset = offset,
		.area.size = size,
	};

	return vfio_info_add_capability(caps, &sparse.cap.header,
					sizeof(sparse));
}

static int describe_region(struct vgpu *vgpu, struct vfio_region_info *info,
			   struct vfio_info_cap *caps)
{
	const u32 rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	info->offset = VGPU_REGION_OFFSET(info->index);
	info->size = 0;
	info->flags = 0;
	info->cap_offset = 0;

	switch (info->index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = VGPU_CFG_SIZE;
		info->flags = rw;
		return 0;
	case VFIO_PCI_BAR0_REGION_INDEX:
		info->size = VGPU_BAR0_SIZE;
		info->flags = rw;
		return 0;
	case VFIO_PCI_BAR2_REGION_INDEX:
		info->size = vgpu->gvt->low_total;
		info->flags = rw | VFIO_REGION_INFO_FLAG_MMAP;
		return add_sparse(caps, vgpu->low.start, vgpu->low.size);
	case VGPU_REGION_OPREGION:
		info->size = OPREGION_SIZE;
		info->flags = VFIO_REGION_INFO_FLAG_READ;
		return add_type(caps, PCI_VENDOR_ID_INTEL |
				VFIO_REGION_TYPE_PCI_VENDOR_TYPE,
				VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION);
	case VGPU_REGION_EDID:
		info->size = EDID_SIZE;
		info->flags = rw;
		return add_type(caps, VFIO_REGION_TYPE_GFX,
				VFIO_REGION_SUBTYPE_GFX_EDID);
	case VGPU_REGION_DISPLAY_FIRST ... VGPU_REGION_DISPLAY_LAST:
		info->size = VGPU_DISPLAY_SLOT_SIZE;
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_MMAP;
		return 0;
	default:
		return 0;	/* BARs 1, 3, 4, 5, ROM and VGA: nothing there */
	}
}

static long get_region_info(struct vgpu *vgpu, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = { .buf = NULL, .size = 0 };
	struct vfio_region_info info;
	long ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= num_regions())
		return -EINVAL;

	ret = describe_region(vgpu, &info, &caps);
	if (ret)
		return ret;

	if (caps.size) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.argsz < sizeof(info) + caps.size) {
			info.argsz = sizeof(info) + caps.size;
		} else {
			vfio_info_cap_shift(&caps, sizeof(info));
			if (copy_to_user(arg + sizeof(info), caps.buf,
					 caps.size)) {
				kfree(caps.buf);
				return -EFAULT;
			}
			info.cap_offset = sizeof(info);
		}
		kfree(caps.buf);
	}
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long get_device_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = num_regions();
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long get_irq_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	switch (info.index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			     VFIO_IRQ_INFO_AUTOMASKED;
		break;
	case VFIO_PCI_MSI_IRQ_INDEX:
		info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		break;
	default:
		return -EINVAL;
	}
	info.count = 1;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long set_msi_trigger(struct vgpu *vgpu, u32 flags, u32 count,
			    const void *data)
{
	struct eventfd_ctx *trigger;

	if (flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		trigger = eventfd_ctx_fdget(*(const int *)data);
		if (IS_ERR(trigger))
			return PTR_ERR(trigger);
		mutex_lock(&vgpu->lock);
		release_msi_trigger(vgpu);
		vgpu->msi_trigger = trigger;
		mutex_unlock(&vgpu->lock);
	} else if ((flags & VFIO_IRQ_SET_DATA_NONE) && !count) {
		mutex_lock(&vgpu->lock);
		release_msi_trigger(vgpu);
		mutex_unlock(&vgpu->lock);
	}
	return 0;
}

/* Accepted as far as the real driver accepts them; none is ever raised. */
static long set_irqs(struct vgpu *vgpu, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set hdr;
	size_t data_size = 0;
	void *data = NULL;
	long ret = -ENOTTY;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	if (!(hdr.flags & VFIO_IRQ_SET_DATA_NONE)) {
		int max = hdr.index == VFIO_PCI_INTX_IRQ_INDEX ||
			  hdr.index == VFIO_PCI_MSI_IRQ_INDEX;

		if (vfio_set_irqs_validate_and_prepare(&hdr, max,
						       VFIO_PCI_NUM_IRQS,
						       &data_size))
			return -EINVAL;
		if (data_size) {
			data = memdup_user(arg + minsz, data_size);
			if (IS_ERR(data))
				return PTR_ERR(data);
		}
	}
	if (hdr.index == VFIO_PCI_INTX_IRQ_INDEX)
		ret = 0;
	else if (hdr.index == VFIO_PCI_MSI_IRQ_INDEX &&
		 (hdr.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) ==
		 VFIO_IRQ_SET_ACTION_TRIGGER)
		ret = set_msi_trigger(vgpu, hdr.flags, hdr.count, data);
	kfree(data);
	return ret;
}

static long vgpu_ioctl(struct vfio_device *vdev, unsigned int cmd,
		       unsigned long arg)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	void __user *uarg = (void __user *)arg;
	u32 id;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_device_info(uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(vgpu, uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(uarg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(vgpu, uarg);
	case VFIO_DEVICE_RESET:
		vgpu_reset(vgpu);
		return 0;
	case VFIO_DEVICE_QUERY_GFX_PLANE:
		return vgpu_query_plane(vgpu, uarg);
	case VFIO_DEVICE_GET_GFX_DMABUF:
		if (get_user(id, (u32 __user *)uarg))
			return -EFAULT;
		return vgpu_get_dmabuf(vgpu, id);
	default:
		return -ENOTTY;
	}
}

static const struct vfio_device_ops vgpu_ops = {
	.init = vgpu_init_dev,
	.release = vgpu_release_dev,
	.open_device = vgpu_open_device,
	.close_device = vgpu_close_device,
	.read = vgpu_read,
	.write = vgpu_write,
	.mmap = vgpu_mmap,
	.ioctl = vgpu_ioctl,
};

static ssize_t vgpu_id_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct vgpu *vgpu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", vgpu->id);
}
static DEVICE_ATTR_RO(vgpu_id);

static struct attribute *vgpu_attrs[] = {
	&dev_attr_vgpu_id.attr,
	NULL,
};

static const struct attribute_group vgpu_group = {
	.name = "intel_vgpu",
	.attrs = vgpu_attrs,
};

static const struct attribute_group *vgpu_groups[] = {
	&vgpu_group,
	NULL,
};

static int vgpu_probe(struct mdev_device *mdev)
{
	struct vgpu *vgpu;
	int ret;

	vgpu = vfio_alloc_device(vgpu, vfio_device, &mdev->dev, &vgpu_ops);
	if (IS_ERR(vgpu)) {
		gvt_err("failed to create intel vgpu: %ld\n", PTR_ERR(vgpu));
		return PTR_ERR(vgpu);
	}
	dev_set_drvdata(&mdev->dev, vgpu);
	ret = vfio_register_emulated_iommu_dev(&vgpu->vfio_device);
	if (ret)
		vfio_put_device(&vgpu->vfio_device);
	return ret;
}

/* Waits until nobody has the vGPU open any more. */
static void vgpu_remove(struct mdev_device *mdev)
{
	struct vgpu *vgpu = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&vgpu->vfio_device);
	vfio_put_device(&vgpu->vfio_device);
}

static unsigned int vgpu_get_available(struct mdev_type *mtype)
{
	struct gvt_type *type = container_of(mtype, struct gvt_type, type);
	struct gvt *gvt = container_of(mtype->parent, struct gvt, parent);

	return gvt_resource_available(gvt, type->conf);
}

static ssize_t vgpu_show_description(struct mdev_type *mtype, char *buf)
{
	struct gvt_type *type = container_of(mtype, struct gvt_type, type);
	const struct gvt_config *conf = type->conf;

	return sysfs_emit(buf, "low_gm_size: %lluMB\nhigh_gm_size: %lluMB\n"
			  "fence: %u\nresolution: %ux%u\nweight: %u\n",
			  conf->low_gm / SZ_1M, conf->high_gm / SZ_1M,
			  conf->fence, conf->xres, conf->yres, conf->weight);
}

struct mdev_driver gvt_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "intel_vgpu_mdev",
		.owner = THIS_MODULE,
		.dev_groups = vgpu_groups,
	},
	.probe = vgpu_probe,
	.remove = vgpu_remove,
	.get_available = vgpu_get_available,
	.show_description = vgpu_show_description,
};
