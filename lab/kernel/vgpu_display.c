// SPDX-License-Identifier: GPL-2.0
/*
 * The picture of a vGPU, decoded from its registers and nothing else.
 *
 * Facts from gvt/fb_decoder.c: the first pipe that is enabled counts; its
 * primary plane's control register gives format and tiling, its surface
 * register a graphics address in the vGPU's own range, its stride is in units
 * of 64 bytes for a linear surface, and width and height come from PIPESRC
 * (not from PLANE_SIZE). From gvt/dmabuf.c: only DMABUF planes exist; "no
 * picture yet" is success with an empty answer; the number of a dma-buf stays
 * the same as long as the plane does; exporting needs the pages of the surface
 * to be present in the GGTT.
 *
 * What is shown is the vGPU's own memory behind its aperture. A plane in the
 * upper graphics range has none here and is refused.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <drm/drm_fourcc.h>

#include "gvt.h"
#include "vgpu_regs.h"

/* uapi: enum drm_plane_type, which is not in a header for user space */
#define PLANE_TYPE_PRIMARY	1
#define PLANE_TYPE_CURSOR	2

#define MAX_KNOWN_PLANES	16

struct known_plane {
	struct list_head node;
	struct vgpu_plane plane;
	u32 id;
};

/* Broadwell has one format that matters here and no unit of the stride. */
static bool decode_format_gen8(u32 ctl, struct vgpu_plane *plane)
{
	plane->drm_format = DRM_FORMAT_XRGB8888;
	return (ctl & DISP_FORMAT_MASK) == DISP_FORMAT_BGRX888;
}

static bool decode_format(u32 ctl, struct vgpu_plane *plane)
{
	switch (ctl & PLANE_CTL_FORMAT_MASK) {
	case PLANE_CTL_FORMAT_XRGB_8888:
		if (ctl & PLANE_CTL_ORDER_RGBX)
			plane->drm_format = (ctl & PLANE_CTL_ALPHA_MASK) ?
				DRM_FORMAT_ABGR8888 : DRM_FORMAT_XBGR8888;
		else
			plane->drm_format = (ctl & PLANE_CTL_ALPHA_MASK) ?
				DRM_FORMAT_ARGB8888 : DRM_FORMAT_XRGB8888;
		return true;
	case PLANE_CTL_FORMAT_RGB_565:
		plane->drm_format = DRM_FORMAT_RGB565;
		return true;
	default:
		return false;
	}
}

static bool surface_present(struct vgpu *vgpu, const struct vgpu_plane *plane)
{
	u64 gma;

	for (gma = plane->base; gma < (u64)plane->base + plane->size;
	     gma += PAGE_SIZE) {
		if (vgpu_ggtt_entry(vgpu, gma) & GGTT_PTE_PRESENT)
			continue;
		vgpu_err_ratelimited(vgpu, "plane at 0x%x: no GGTT entry for 0x%llx\n",
				     plane->base, gma);
		return false;
	}
	return true;
}

/* -ENODEV: nothing to show (yet). */
static int decode_primary(struct vgpu *vgpu, struct vgpu_plane *plane)
{
	bool gen8 = vgpu->gvt->igpu->graphics_ver == 8;
	unsigned int pipe;
	u32 ctl, src, stride;

	for (pipe = 0; pipe < VGPU_PIPES; pipe++)
		if (vgpu_reg(vgpu, PIPECONF(pipe)) & PIPECONF_ENABLE)
			break;
	if (pipe == VGPU_PIPES)
		return -ENODEV;
	ctl = vgpu_reg(vgpu, PLANE_CTL(pipe));
	if (!(ctl & PLANE_CTL_ENABLE))
		return -ENODEV;

	if (!(gen8 ? decode_format_gen8(ctl, plane) :
		     decode_format(ctl, plane))) {
		vgpu_err_ratelimited(vgpu, "Non-supported pixel format (control 0x%x)\n",
				     ctl);
		return -EINVAL;
	}
	if (ctl & PLANE_CTL_TILED_MASK) {
		vgpu_err_ratelimited(vgpu, "tiled surfaces are not in the lab: %lx\n",
				     ctl & PLANE_CTL_TILED_MASK);
		return -EINVAL;
	}

	src = vgpu_reg(vgpu, PIPESRC(pipe));
	plane->width = ((src >> 16) & 0x1fff) + 1;
	plane->height = (src & 0xfff) + 1;
	stride = vgpu_reg(vgpu, PLANE_STRIDE(pipe));
	plane->stride = gen8 ? stride & PLANE_STRIDE_MASK_GEN8 :
			       (stride & PLANE_STRIDE_MASK) * 64;
	plane->size = plane->stride * plane->height;
	plane->base = vgpu_reg(vgpu, PLANE_SURF(pipe)) & PAGE_MASK;

	if (!vgpu_gm_valid(vgpu, plane->base))
		return -EINVAL;
	if (!plane->size) {
		vgpu_err_ratelimited(vgpu, "fb size is zero\n");
		return -EINVAL;
	}
	if (plane->base < vgpu->low.start ||
	    (u64)plane->base + plane->size >
	    vgpu->low.start + vgpu->low.size ||
	    plane->size > VGPU_DISPLAY_SLOT_SIZE) {
		vgpu_err_ratelimited(vgpu, "invalid gma addr\n");
		return -EFAULT;
	}
	if (gvt_switch_check_ptes() && !surface_present(vgpu, plane))
		return -ENODEV;
	return 0;
}

static struct known_plane *find_plane(struct vgpu *vgpu,
				      const struct vgpu_plane *plane)
{
	struct known_plane *known;

	list_for_each_entry(known, &vgpu->planes, node)
		if (!memcmp(&known->plane, plane, sizeof(*plane)))
			return known;
	return NULL;
}

static int dmabuf_id_of(struct vgpu *vgpu, const struct vgpu_plane *plane,
			u32 *id)
{
	struct known_plane *known = find_plane(vgpu, plane);

	if (!known) {
		known = kzalloc(sizeof(*known), GFP_KERNEL);
		if (!known)
			return -ENOMEM;
		known->plane = *plane;
		known->id = vgpu->next_plane_id++;
		list_add_tail(&known->node, &vgpu->planes);
		if (++vgpu->num_planes > MAX_KNOWN_PLANES) {
			struct known_plane *oldest;

			oldest = list_first_entry(&vgpu->planes,
						  struct known_plane, node);
			list_del(&oldest->node);
			kfree(oldest);
			vgpu->num_planes--;
		}
	}
	*id = known->id;
	return 0;
}

/*
 * A region shows its surface at offset 0, so every surface has a region of its
 * own, from a few that are used in turn: a user that sees another region than
 * before maps it anew (hw/vfio/display.c in QEMU), one that flips between two
 * buffers keeps both.
 */
static u32 region_of(struct vgpu *vgpu, const struct vgpu_plane *plane)
{
	unsigned int slot;

	for (slot = 0; slot < VGPU_DISPLAY_SLOTS; slot++)
		if (vgpu->slot_base[slot] == plane->base &&
		    vgpu->slot_size[slot] == plane->size)
			return VGPU_REGION_DISPLAY_FIRST + slot;

	slot = vgpu->next_slot;
	vgpu->next_slot = (slot + 1) % VGPU_DISPLAY_SLOTS;
	vgpu->slot_base[slot] = plane->base;
	vgpu->slot_size[slot] = plane->size;
	return VGPU_REGION_DISPLAY_FIRST + slot;
}

/* Which surface a display region shows; called from page faults too. */
bool vgpu_display_slot(struct vgpu *vgpu, unsigned int slot, u32 *base,
		       u32 *size)
{
	*base = READ_ONCE(vgpu->slot_base[slot]);
	*size = READ_ONCE(vgpu->slot_size[slot]);
	return *base != 0;
}

long vgpu_query_plane(struct vgpu *vgpu, void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_gfx_plane_info,
					  dmabuf_id);
	struct vfio_device_gfx_plane_info info;
	struct vgpu_plane plane;
	u32 kind;
	int ret;

	kind = gvt_switch_display() == DISPLAY_REGION ?
	       VFIO_GFX_PLANE_TYPE_REGION : VFIO_GFX_PLANE_TYPE_DMABUF;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	if (info.flags == (kind | VFIO_GFX_PLANE_TYPE_PROBE))
		return 0;
	if (info.flags != kind)
		return -EINVAL;

	memset(&plane, 0, sizeof(plane));
	mutex_lock(&vgpu->lock);
	switch (info.drm_plane_type) {
	case PLANE_TYPE_PRIMARY:
		ret = decode_primary(vgpu, &plane);
		break;
	case PLANE_TYPE_CURSOR:
		ret = -ENODEV;
		break;
	default:
		/* QEMU leaves the type at 0 when it asks for a region. */
		ret = kind == VFIO_GFX_PLANE_TYPE_REGION ?
		      decode_primary(vgpu, &plane) : -EINVAL;
		break;
	}
	if (!ret) {
		info.drm_format = plane.drm_format;
		info.drm_format_mod = DRM_FORMAT_MOD_LINEAR;
		info.width = plane.width;
		info.height = plane.height;
		info.stride = plane.stride;
		info.size = plane.size;
		info.x_pos = 0;
		info.y_pos = 0;
		info.x_hot = 0;
		info.y_hot = 0;
		if (kind == VFIO_GFX_PLANE_TYPE_REGION)
			info.region_index = region_of(vgpu, &plane);
		else
			ret = dmabuf_id_of(vgpu, &plane, &info.dmabuf_id);
	}
	mutex_unlock(&vgpu->lock);

	if (ret && ret != -ENODEV)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/* A dma-buf: pages of the aperture, each with a reference. */
struct surface {
	unsigned long num_pages;
	struct page *pages[];
};

static void surface_free(struct surface *surface)
{
	while (surface->num_pages)
		put_page(surface->pages[--surface->num_pages]);
	kvfree(surface);
}

static struct surface *surface_alloc(struct vgpu *vgpu,
				     const struct vgpu_plane *plane)
{
	unsigned long count = DIV_ROUND_UP(plane->size, PAGE_SIZE);
	pgoff_t first = (plane->base - vgpu->low.start) >> PAGE_SHIFT;
	struct surface *surface;
	unsigned long i;

	surface = kvzalloc(struct_size(surface, pages, count), GFP_KERNEL);
	if (!surface)
		return NULL;
	for (i = 0; i < count; i++) {
		struct page *page = lazy_mem_page(&vgpu->aperture, first + i);

		if (!page) {
			surface_free(surface);
			return NULL;
		}
		get_page(page);
		surface->pages[i] = page;
		surface->num_pages = i + 1;
	}
	return surface;
}

static struct sg_table *surface_map(struct dma_buf_attachment *attachment,
				    enum dma_data_direction direction)
{
	struct surface *surface = attachment->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(sgt, surface->pages,
					surface->num_pages, 0,
					surface->num_pages << PAGE_SHIFT,
					GFP_KERNEL);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(attachment->dev, sgt, direction, 0);
	if (ret)
		goto err_table;
	return sgt;

err_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void surface_unmap(struct dma_buf_attachment *attachment,
			  struct sg_table *sgt,
			  enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, sgt, direction, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static vm_fault_t surface_fault(struct vm_fault *vmf)
{
	struct surface *surface = vmf->vma->vm_private_data;

	if (vmf->pgoff >= surface->num_pages)
		return VM_FAULT_SIGBUS;
	vmf->page = surface->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct surface_vm_ops = {
	.fault = surface_fault,
};

static int surface_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	/* The vma holds the dma-buf's file, and that holds the surface. */
	vma->vm_flags |= VM_DONTEXPAND | VM_DONTDUMP;
	vma->vm_private_data = dmabuf->priv;
	vma->vm_ops = &surface_vm_ops;
	return 0;
}

static void surface_release(struct dma_buf *dmabuf)
{
	surface_free(dmabuf->priv);
}

static const struct dma_buf_ops surface_ops = {
	.map_dma_buf = surface_map,
	.unmap_dma_buf = surface_unmap,
	.mmap = surface_mmap,
	.release = surface_release,
};

long vgpu_get_dmabuf(struct vgpu *vgpu, u32 id)
{
	DEFINE_DMA_BUF_EXPORT_INFO(export);
	struct known_plane *known;
	struct surface *surface = NULL;
	struct dma_buf *dmabuf;
	bool found = false;
	int fd;

	mutex_lock(&vgpu->lock);
	list_for_each_entry(known, &vgpu->planes, node) {
		if (known->id == id) {
			found = true;
			surface = surface_alloc(vgpu, &known->plane);
			break;
		}
	}
	mutex_unlock(&vgpu->lock);
	if (!found) {
		vgpu_err_ratelimited(vgpu, "invalid dmabuf id:%d\n", id);
		return -EINVAL;
	}
	if (!surface)
		return -ENOMEM;

	export.ops = &surface_ops;
	export.size = surface->num_pages << PAGE_SHIFT;
	export.flags = O_RDWR;
	export.priv = surface;
	dmabuf = dma_buf_export(&export);
	if (IS_ERR(dmabuf)) {
		surface_free(surface);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, O_CLOEXEC | O_RDWR);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

void vgpu_display_reset(struct vgpu *vgpu)
{
	struct known_plane *known, *next;

	list_for_each_entry_safe(known, next, &vgpu->planes, node) {
		list_del(&known->node);
		kfree(known);
	}
	vgpu->num_planes = 0;
	memset(vgpu->slot_base, 0, sizeof(vgpu->slot_base));
	memset(vgpu->slot_size, 0, sizeof(vgpu->slot_size));
}
