// SPDX-License-Identifier: GPL-2.0
/*
 * BAR 0 of a vGPU: 2 MiB of registers and, at +8 MiB, the GGTT.
 *
 * Registers are memory, except for the few below. Offsets and meanings from
 * i915_reg.h, gt/intel_gt_regs.h and i915_pvinfo.h; behaviour from
 * gvt/handlers.c, gvt/display.c, gvt/vgpu.c (populate_pvinfo_page) and
 * gvt/gtt.c (an entry outside the vGPU's own ranges reads as 0 and is not
 * written).
 */
#include <linux/math64.h>

#include "gvt.h"
#include "vgpu_regs.h"

u32 vgpu_reg(struct vgpu *vgpu, u32 off)
{
	u32 val = 0;

	lazy_mem_read(&vgpu->mmio, off, &val, sizeof(val));
	return val;
}

void vgpu_set_reg(struct vgpu *vgpu, u32 off, u32 val)
{
	lazy_mem_write(&vgpu->mmio, off, &val, sizeof(val));
}

static bool in_span(const struct gvt_span *span, u64 gma)
{
	return gma >= span->start && gma - span->start < span->size;
}

bool vgpu_gm_valid(struct vgpu *vgpu, u64 gma)
{
	return in_span(&vgpu->low, gma) || in_span(&vgpu->high, gma);
}

u64 vgpu_ggtt_entry(struct vgpu *vgpu, u64 gma)
{
	u64 pte = 0;

	if (vgpu_gm_valid(vgpu, gma))
		lazy_mem_read(&vgpu->ggtt, (gma >> PAGE_SHIFT) * 8, &pte,
			      sizeof(pte));
	return pte;
}

static int ggtt_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		   bool write)
{
	u64 gma = (off / 8) << PAGE_SHIFT;

	if ((count != 4 && count != 8) || !IS_ALIGNED(off, count))
		return -EINVAL;
	if (!vgpu_gm_valid(vgpu, gma)) {
		if (!write)
			memset(buf, 0, count);
		return 0;
	}
	return write ? lazy_mem_write(&vgpu->ggtt, off, buf, count) :
		       lazy_mem_read(&vgpu->ggtt, off, buf, count);
}

static void pvinfo_init(struct vgpu *vgpu)
{
	u64 magic = VGT_MAGIC;
	u32 version = VGT_VERSION_MAJOR;	/* minor 0 in the upper half */

	lazy_mem_write(&vgpu->mmio, PVINFO_MAGIC, &magic, sizeof(magic));
	vgpu_set_reg(vgpu, PVINFO_VERSION, version);
	vgpu_set_reg(vgpu, PVINFO_VGT_ID, vgpu->id);
	vgpu_set_reg(vgpu, PVINFO_VGT_CAPS, VGT_CAPS_FULL_PPGTT |
		     VGT_CAPS_HWSP_EMULATION | VGT_CAPS_HUGE_GTT);
	vgpu_set_reg(vgpu, PVINFO_MAPPABLE_BASE, vgpu->low.start);
	vgpu_set_reg(vgpu, PVINFO_MAPPABLE_SIZE, vgpu->low.size);
	vgpu_set_reg(vgpu, PVINFO_NONMAPPABLE_BASE, vgpu->high.start);
	vgpu_set_reg(vgpu, PVINFO_NONMAPPABLE_SIZE, vgpu->high.size);
	vgpu_set_reg(vgpu, PVINFO_FENCE_NUM, vgpu->conf->fence);
	vgpu_set_reg(vgpu, PVINFO_CURSOR_X_HOT, U32_MAX);
	vgpu_set_reg(vgpu, PVINFO_CURSOR_Y_HOT, U32_MAX);
}

void vgpu_hotplug(struct vgpu *vgpu, bool connected)
{
	u32 strap = vgpu_reg(vgpu, SFUSE_STRAP) & ~SFUSE_STRAP_DDID_DETECTED;
	u32 isr = vgpu_reg(vgpu, SDEISR) & ~SDE_PORTD_HOTPLUG_CPT;

	if (connected) {
		strap |= SFUSE_STRAP_DDID_DETECTED;
		isr |= SDE_PORTD_HOTPLUG_CPT;
	}
	vgpu_set_reg(vgpu, SFUSE_STRAP, strap);
	vgpu_set_reg(vgpu, SDEISR, isr);
}

/* The state after power-on and after a reset. */
void vgpu_mmio_init(struct vgpu *vgpu)
{
	lazy_mem_clear(&vgpu->mmio);
	lazy_mem_clear(&vgpu->ggtt);
	pvinfo_init(vgpu);

	vgpu_set_reg(vgpu, GUC_STATUS, GS_MIA_IN_RESET);
	vgpu_set_reg(vgpu, SKL_FUSE_STATUS, SKL_FUSE_DOWNLOAD_STATUS |
		     SKL_FUSE_PG_DIST_STATUS(0) | SKL_FUSE_PG_DIST_STATUS(1) |
		     SKL_FUSE_PG_DIST_STATUS(2));
	/* A monitor hangs on port D, and pipe A is on without a plane. */
	vgpu_hotplug(vgpu, true);
	vgpu_set_reg(vgpu, PIPECONF(0), PIPECONF_ENABLE);
	vgpu->pipe_since = ktime_get();
}

static void forcewake_write(struct vgpu *vgpu, u32 off, u32 ack, u32 val)
{
	u32 mask = val >> 16;	/* the upper half says which bits count */
	u32 bits;

	bits = (vgpu_reg(vgpu, off) & ~mask & 0xffff) | (val & mask);
	vgpu_set_reg(vgpu, off, (val & 0xffff0000) | bits);
	vgpu_set_reg(vgpu, ack, bits);
}

static void pipeconf_write(struct vgpu *vgpu, u32 off, u32 val)
{
	if (val & PIPECONF_ENABLE) {
		if (!(vgpu_reg(vgpu, off) & PIPECONF_ENABLE))
			vgpu->pipe_since = ktime_get();
		val |= PIPECONF_STATE_ENABLE;
	} else {
		val &= ~PIPECONF_STATE_ENABLE;
	}
	vgpu_set_reg(vgpu, off, val);
}

static void pvinfo_write(struct vgpu *vgpu, u32 off, u32 val)
{
	switch (off) {
	case PVINFO_DISPLAY_READY:
	case PVINFO_G2V_NOTIFY:
	case PVINFO_CURSOR_X_HOT ... PVINFO_LAST_WRITABLE:
		vgpu_set_reg(vgpu, off, val);
		break;
	default:
		vgpu_err_ratelimited(vgpu, "invalid pvinfo write offset %x bytes %x data %x\n",
				     off, 4, val);
		break;
	}
}

/* True if the register is more than memory. */
static bool special_write(struct vgpu *vgpu, u32 off, u32 val)
{
	unsigned int pipe = (off >> 12) & 3;

	switch (off) {
	case FORCEWAKE_RENDER_GEN9:
		forcewake_write(vgpu, off, FORCEWAKE_ACK_RENDER_GEN9, val);
		return true;
	case FORCEWAKE_GT_GEN9:
		forcewake_write(vgpu, off, FORCEWAKE_ACK_GT_GEN9, val);
		return true;
	case FORCEWAKE_MEDIA_GEN9:
		forcewake_write(vgpu, off, FORCEWAKE_ACK_MEDIA_GEN9, val);
		return true;
	case PIPECONF(0):
	case PIPECONF(1):
	case PIPECONF(2):
		pipeconf_write(vgpu, off, val);
		return true;
	case PLANE_SURF(0):
	case PLANE_SURF(1):
	case PLANE_SURF(2):
		vgpu_set_reg(vgpu, off, val);
		vgpu_set_reg(vgpu, PLANE_SURFLIVE(pipe), val);
		vgpu_set_reg(vgpu, PIPE_FLIPCOUNT(pipe),
			     vgpu_reg(vgpu, PIPE_FLIPCOUNT(pipe)) + 1);
		return true;
	case PVINFO_PAGE ... PVINFO_PAGE + PVINFO_PAGE_SIZE - 1:
		pvinfo_write(vgpu, off, val);
		return true;
	default:
		return false;
	}
}

/* Frames since the pipe was switched on, at 60 a second. */
static u32 frame_count(struct vgpu *vgpu)
{
	if (!(vgpu_reg(vgpu, PIPECONF(0)) & PIPECONF_ENABLE))
		return vgpu_reg(vgpu, PIPE_FRMCOUNT(0));
	return div_u64(ktime_us_delta(ktime_get(), vgpu->pipe_since) * 60,
		       USEC_PER_SEC);
}

int vgpu_mmio_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		 bool write)
{
	if (off >= VGPU_GGTT_OFFSET)
		return ggtt_rw(vgpu, off - VGPU_GGTT_OFFSET, buf, count, write);
	if (off > VGPU_MMIO_SIZE || count > VGPU_MMIO_SIZE - off)
		return -EINVAL;

	if (!write) {
		if (off == PIPE_FRMCOUNT(0) && count == 4)
			vgpu_set_reg(vgpu, off, frame_count(vgpu));
		return lazy_mem_read(&vgpu->mmio, off, buf, count);
	}
	if (count == 4 && IS_ALIGNED(off, 4) &&
	    special_write(vgpu, off, *(u32 *)buf))
		return 0;
	return lazy_mem_write(&vgpu->mmio, off, buf, count);
}
