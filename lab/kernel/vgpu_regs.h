/* SPDX-License-Identifier: GPL-2.0 */
/* Offsets in BAR 0. Sources: i915_reg.h, gt/intel_gt_regs.h, i915_pvinfo.h. */
#ifndef CLEAVE_LAB_VGPU_REGS_H
#define CLEAVE_LAB_VGPU_REGS_H

#include <linux/bits.h>

/* Pipe A is 0; each further pipe stands 0x1000 higher. */
#define PIPE_STEP(pipe)			((pipe) * 0x1000)
#define VGPU_PIPES			3

#define PIPESRC(pipe)			(0x6001c + PIPE_STEP(pipe))
#define PIPECONF(pipe)			(0x70008 + PIPE_STEP(pipe))
#define PIPECONF_ENABLE			BIT(31)
#define PIPECONF_STATE_ENABLE		BIT(30)
#define PIPE_FRMCOUNT(pipe)		(0x70040 + PIPE_STEP(pipe))
#define PIPE_FLIPCOUNT(pipe)		(0x70044 + PIPE_STEP(pipe))

#define PLANE_CTL(pipe)			(0x70180 + PIPE_STEP(pipe))
#define PLANE_CTL_ENABLE		BIT(31)
#define PLANE_CTL_FORMAT_MASK		GENMASK(27, 24)
#define PLANE_CTL_FORMAT_XRGB_8888	(4U << 24)
#define PLANE_CTL_FORMAT_RGB_565	(14U << 24)
#define PLANE_CTL_ORDER_RGBX		BIT(20)
#define PLANE_CTL_TILED_MASK		GENMASK(12, 10)
#define PLANE_CTL_ALPHA_MASK		GENMASK(5, 4)
#define PLANE_STRIDE(pipe)		(0x70188 + PIPE_STEP(pipe))
#define PLANE_STRIDE_MASK		0x3ff	/* gvt/fb_decoder.h */
#define PLANE_STRIDE_MASK_GEN8		(0x3ff << 6)
#define DISP_FORMAT_MASK		GENMASK(29, 26)	/* generation 8 */
#define DISP_FORMAT_BGRX888		(6U << 26)
#define PLANE_SURF(pipe)		(0x7019c + PIPE_STEP(pipe))
#define PLANE_SURFLIVE(pipe)		(0x701ac + PIPE_STEP(pipe))

#define SKL_FUSE_STATUS			0x42000
#define SKL_FUSE_DOWNLOAD_STATUS	BIT(31)
#define SKL_FUSE_PG_DIST_STATUS(pg)	BIT(27 - (pg))
#define SDEISR				0xc4000
#define SDE_PORTD_HOTPLUG_CPT		BIT(23)
#define SFUSE_STRAP			0xc2014
#define SFUSE_STRAP_DDID_DETECTED	BIT(0)
#define GUC_STATUS			0xc000
#define GS_MIA_IN_RESET			BIT(0)

#define FORCEWAKE_ACK_RENDER_GEN9	0xd84
#define FORCEWAKE_ACK_MEDIA_GEN9	0xd88
#define FORCEWAKE_ACK_GT_GEN9		0x130044
#define FORCEWAKE_GT_GEN9		0xa188
#define FORCEWAKE_MEDIA_GEN9		0xa270
#define FORCEWAKE_RENDER_GEN9		0xa278

/* The page in which host and guest introduce themselves. */
#define PVINFO_PAGE			0x78000
#define PVINFO_PAGE_SIZE		0x1000
#define PVINFO_MAGIC			(PVINFO_PAGE + 0x000)
#define PVINFO_VERSION			(PVINFO_PAGE + 0x008)
#define PVINFO_VGT_ID			(PVINFO_PAGE + 0x00c)
#define PVINFO_VGT_CAPS			(PVINFO_PAGE + 0x010)
#define PVINFO_MAPPABLE_BASE		(PVINFO_PAGE + 0x040)
#define PVINFO_MAPPABLE_SIZE		(PVINFO_PAGE + 0x044)
#define PVINFO_NONMAPPABLE_BASE		(PVINFO_PAGE + 0x048)
#define PVINFO_NONMAPPABLE_SIZE		(PVINFO_PAGE + 0x04c)
#define PVINFO_FENCE_NUM		(PVINFO_PAGE + 0x050)
#define PVINFO_DISPLAY_READY		(PVINFO_PAGE + 0x804)
#define PVINFO_G2V_NOTIFY		(PVINFO_PAGE + 0x818)
#define PVINFO_CURSOR_X_HOT		(PVINFO_PAGE + 0x830)
#define PVINFO_CURSOR_Y_HOT		(PVINFO_PAGE + 0x834)
#define PVINFO_LAST_WRITABLE		(PVINFO_PAGE + 0x85c)

#define VGT_MAGIC			0x4776544776544776ULL
#define VGT_VERSION_MAJOR		1
#define VGT_CAPS_FULL_PPGTT		BIT(2)
#define VGT_CAPS_HWSP_EMULATION		BIT(3)
#define VGT_CAPS_HUGE_GTT		BIT(4)

#endif
