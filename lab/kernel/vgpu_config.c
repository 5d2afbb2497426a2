// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI configuration space that the guest sees.
 *
 * Facts from gvt/cfg_space.c: it starts as a copy of the GPU's own, with
 * decoding off, without stolen memory, without upper halves of the BARs,
 * without BARs 4 and 5 and ROM, and with the register of the OpRegion empty;
 * which bits can be written is listed there byte by byte.
 */
#include <linux/pci.h>
#include <asm/unaligned.h>

#include "gvt.h"

#define CFG_GMCH_CONTROL	0x50	/* gvt/reg.h: INTEL_GVT_PCI_GMCH_CONTROL */
#define CFG_GMCH_GMS		0xff00	/* bits of the stolen memory's size */
#define CFG_OPREGION		0xfc	/* gvt/reg.h: INTEL_GVT_PCI_OPREGION */

static u8 writable_bits(unsigned int off)
{
	switch (off) {
	case PCI_COMMAND:
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_COMMAND + 1:
		return 0x07;
	case PCI_STATUS + 1:
		return 0xf9;
	case PCI_INTERRUPT_LINE + 1 ... VGPU_CFG_SIZE - 1:
		return off < PCI_INTERRUPT_LINE + 4 ? 0 : 0xff;
	default:
		return 0;
	}
}

static u64 bar_bytes(struct vgpu *vgpu, unsigned int bar)
{
	switch (bar) {
	case 0:
	case 1:
		return VGPU_BAR0_SIZE;
	case 2:
	case 3:
		return vgpu->gvt->low_total;
	default:
		return 0;
	}
}

static void bar_write(struct vgpu *vgpu, unsigned int off, u32 value)
{
	unsigned int bar = (off - PCI_BASE_ADDRESS_0) / 4;
	u64 size = bar_bytes(vgpu, bar);
	u8 *reg = vgpu->cfg + off;

	if (!size) {
		put_unaligned_le32(0, reg);
	} else if (bar & 1) {
		put_unaligned_le32(value & upper_32_bits(~(size - 1)), reg);
	} else {
		value &= lower_32_bits(~(size - 1));
		value |= get_unaligned_le32(reg) &
			 (u32)~PCI_BASE_ADDRESS_MEM_MASK;
		put_unaligned_le32(value, reg);
	}
}

void vgpu_config_init(struct vgpu *vgpu)
{
	struct pci_dev *pdev = vgpu->gvt->igpu->pdev;
	u8 *cfg = vgpu->cfg;
	unsigned int off;
	u32 value;

	for (off = 0; off < VGPU_CFG_SIZE; off += 4) {
		if (pci_read_config_dword(pdev, off, &value))
			value = 0;
		put_unaligned_le32(value, cfg + off);
	}
	put_unaligned_le16(get_unaligned_le16(cfg + PCI_COMMAND) &
			   ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			     PCI_COMMAND_MASTER), cfg + PCI_COMMAND);
	put_unaligned_le16(get_unaligned_le16(cfg + CFG_GMCH_CONTROL) &
			   ~CFG_GMCH_GMS, cfg + CFG_GMCH_CONTROL);
	put_unaligned_le32(0, cfg + PCI_BASE_ADDRESS_1);
	put_unaligned_le32(0, cfg + PCI_BASE_ADDRESS_3);
	memset(cfg + PCI_BASE_ADDRESS_4, 0, 8);
	put_unaligned_le32(0, cfg + PCI_ROM_ADDRESS);
	put_unaligned_le32(0, cfg + CFG_OPREGION);
}

int vgpu_config_rw(struct vgpu *vgpu, u64 off, void *buf, size_t count,
		   bool write)
{
	const u8 *src = buf;
	size_t i;

	if (off > VGPU_CFG_SIZE || count > VGPU_CFG_SIZE - off)
		return -EINVAL;
	if (!write) {
		memcpy(buf, vgpu->cfg + off, count);
		return 0;
	}

	if (off >= PCI_BASE_ADDRESS_0 && off <= PCI_BASE_ADDRESS_5) {
		if (count != 4 || !IS_ALIGNED(off, 4))
			return -EINVAL;
		bar_write(vgpu, off, get_unaligned_le32(src));
		return 0;
	}
	/* No ROM: the register stays 0, which is a size of 0. */

	for (i = 0; i < count; i++) {
		u8 *reg = vgpu->cfg + off + i;
		u8 mask = writable_bits(off + i);
		u8 bits = src[i] & mask;

		if (off + i == PCI_STATUS + 1)	/* a written 1 clears */
			bits = ~src[i] & *reg & mask;
		*reg = (*reg & ~mask) | bits;
	}
	return 0;
}
