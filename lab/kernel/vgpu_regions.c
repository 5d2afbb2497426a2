// SPDX-License-Identifier: GPL-2.0
/*
 * The two regions beside those of PCI: OpRegion and EDID.
 *
 * Facts from gvt/opregion.c (header, the VBT as the only mailbox, the lid),
 * gvt/kvmgt.c (what can be written where, offsets and sizes in the EDID
 * region) and include/uapi/linux/vfio.h (struct vfio_region_gfx_edid).
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/unaligned.h>

#include "gvt.h"

#define OPREGION_SIGNATURE	"IntelGraphicsMem"
#define OPREGION_OFF_SIZE	16	/* in KiB */
#define OPREGION_OFF_VERSION	20
#define OPREGION_OFF_MBOXES	88
#define OPREGION_MBOX_VBT	BIT(3)
#define OPREGION_OFF_CLID	0x1ac
#define OPREGION_OFF_VBT	0x400

/* display/intel_vbt_defs.h: struct vbt_header and struct bdb_header */
#define VBT_HEADER_SIZE		48
#define BDB_HEADER_SIZE		22

/*
 * A VBT with its two headers and no blocks: valid, and silent about ports. The
 * real one describes four DisplayPort connectors.
 */
static void make_vbt(u8 *vbt)
{
	u8 *bdb = vbt + VBT_HEADER_SIZE;

	memcpy(vbt, "$VBT", 4);
	put_unaligned_le16(155, vbt + 20);			/* version */
	put_unaligned_le16(VBT_HEADER_SIZE, vbt + 22);
	put_unaligned_le16(VBT_HEADER_SIZE + BDB_HEADER_SIZE, vbt + 24);
	put_unaligned_le32(VBT_HEADER_SIZE, vbt + 28);		/* BDB at */
	memcpy(bdb, "BIOS_DATA_BLOCK", 16);
	put_unaligned_le16(186, bdb + 16);			/* version */
	put_unaligned_le16(BDB_HEADER_SIZE, bdb + 18);
	put_unaligned_le16(BDB_HEADER_SIZE, bdb + 20);
}

static u8 *make_opregion(void)
{
	u8 *op = (u8 *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
					get_order(OPREGION_SIZE));

	if (!op)
		return NULL;
	memcpy(op, OPREGION_SIGNATURE, 16);
	put_unaligned_le32(OPREGION_SIZE / SZ_1K, op + OPREGION_OFF_SIZE);
	put_unaligned_le32(0x02000000, op + OPREGION_OFF_VERSION);
	put_unaligned_le32(OPREGION_MBOX_VBT, op + OPREGION_OFF_MBOXES);
	op[OPREGION_OFF_CLID] = 0x3;
	make_vbt(op + OPREGION_OFF_VBT);
	return op;
}

struct timing {
	u16 clock;		/* 10 kHz */
	u16 hactive, hblank, hfront, hsync;
	u16 vactive, vblank, vfront, vsync;
};

/* VESA DMT 1024x768 at 60 Hz; CVT with reduced blanking 1920x1200 at 60 Hz */
static const struct timing timing_xga = {
	6500, 1024, 320, 24, 136, 768, 38, 3, 6,
};

static const struct timing timing_wuxga = {
	15400, 1920, 160, 48, 32, 1200, 35, 3, 6,
};

static void put_timing(u8 *d, const struct timing *t)
{
	put_unaligned_le16(t->clock, d);
	d[2] = t->hactive;
	d[3] = t->hblank;
	d[4] = (t->hactive >> 8) << 4 | t->hblank >> 8;
	d[5] = t->vactive;
	d[6] = t->vblank;
	d[7] = (t->vactive >> 8) << 4 | t->vblank >> 8;
	d[8] = t->hfront;
	d[9] = t->hsync;
	d[10] = (t->vfront & 0xf) << 4 | (t->vsync & 0xf);
	d[17] = 0x1a;		/* digital, separate sync, +hsync */
}

static u8 edid_sum(const u8 *edid)
{
	u8 sum = 0;
	int i;

	for (i = 0; i < EDID_SIZE; i++)
		sum += edid[i];
	return sum;
}

/* An EDID 1.4 of a monitor "cleave lab" whose only mode is the type's. */
static void make_edid(u8 *edid, const struct gvt_config *conf)
{
	static const u8 header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	int i;

	memset(edid, 0, EDID_SIZE);
	memcpy(edid, header, sizeof(header));
	edid[8] = 0x0d;			/* "CLV" in three times five bits */
	edid[9] = 0x96;
	edid[17] = 36;			/* 2026 */
	edid[18] = 1;
	edid[19] = 4;
	edid[20] = 0xa5;		/* digital, 8 bits, DisplayPort */
	edid[21] = 52;			/* cm */
	edid[22] = 32;
	edid[23] = 120;			/* gamma 2.2 */
	edid[24] = 0x06;		/* sRGB, first timing is preferred */
	for (i = 38; i < 54; i++)
		edid[i] = 0x01;		/* no standard timings */
	put_timing(edid + 54, conf->xres == 1024 ? &timing_xga :
						   &timing_wuxga);
	memcpy(edid + 72, "\0\0\0\xfc\0cleave lab\n  ", 18);
	edid[93] = 0x10;		/* dummy descriptors */
	edid[111] = 0x10;
	edid[127] = -edid_sum(edid);
}

static bool edid_valid(const u8 *edid)
{
	static const u8 header[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };

	return !memcmp(edid, header, sizeof(header)) && !edid_sum(edid);
}

int vgpu_regions_init(struct vgpu *vgpu)
{
	vgpu->opregion = make_opregion();
	if (!vgpu->opregion)
		return -ENOMEM;
	vgpu->edid.edid_offset = EDID_BLOB_OFFSET;
	vgpu->edid.edid_max_size = EDID_SIZE;
	vgpu->edid.edid_size = EDID_SIZE;
	vgpu->edid.max_xres = vgpu->conf->xres;
	vgpu->edid.max_yres = vgpu->conf->yres;
	make_edid(vgpu->edid_blob, vgpu->conf);
	return 0;
}

void vgpu_regions_free(struct vgpu *vgpu)
{
	free_pages((unsigned long)vgpu->opregion, get_order(OPREGION_SIZE));
}

int vgpu_opregion_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		     bool write)
{
	if (write || off > OPREGION_SIZE || count > OPREGION_SIZE - off) {
		vgpu_err(vgpu, "invalid op or offset for Intel vgpu OpRegion\n");
		return -EINVAL;
	}
	memcpy(buf, vgpu->opregion + off, count);
	return 0;
}

static int edid_link(struct vgpu *vgpu, u32 state)
{
	switch (state) {
	case VFIO_DEVICE_GFX_LINK_STATE_UP:
		if (!edid_valid(vgpu->edid_blob)) {
			vgpu_err(vgpu, "invalid EDID blob\n");
			return -EINVAL;
		}
		vgpu_hotplug(vgpu, true);
		break;
	case VFIO_DEVICE_GFX_LINK_STATE_DOWN:
		vgpu_hotplug(vgpu, false);
		break;
	default:
		vgpu_err(vgpu, "invalid EDID link state %d\n", state);
		return -EINVAL;
	}
	vgpu->edid.link_state = state;
	return 0;
}

static int edid_register_write(struct vgpu *vgpu, u64 off, u32 val)
{
	switch (off) {
	case offsetof(struct vfio_region_gfx_edid, link_state):
		return edid_link(vgpu, val);
	case offsetof(struct vfio_region_gfx_edid, edid_size):
		if (val > EDID_SIZE) {
			vgpu_err(vgpu, "EDID size is bigger than %d!\n",
				 EDID_SIZE);
			return -EINVAL;
		}
		vgpu->edid.edid_size = val;
		return 0;
	default:
		vgpu_err(vgpu, "write read-only EDID region at offset %llu\n",
			 off);
		return -EPERM;
	}
}

int vgpu_edid_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		 bool write)
{
	if (off >= EDID_BLOB_OFFSET) {
		off -= EDID_BLOB_OFFSET;
		if (off > vgpu->edid.edid_size ||
		    count > vgpu->edid.edid_size - off)
			return -EINVAL;
		if (write)
			memcpy(vgpu->edid_blob + off, buf, count);
		else
			memcpy(buf, vgpu->edid_blob + off, count);
		return 0;
	}
	if (count != 4 || off > sizeof(vgpu->edid) - 4)
		return -EINVAL;
	if (write)
		return edid_register_write(vgpu, off, *(u32 *)buf);
	memcpy(buf, (u8 *)&vgpu->edid + off, count);
	return 0;
}
