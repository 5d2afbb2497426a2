// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI root bus in software, with one function on it: the laptop's GPU.
 *
 * The bus lives in a PCI domain of its own (10000, the first one above the
 * 16-bit domains that firmware can describe), so nothing else on the machine
 * is touched. Configuration space is an array; the sizes of the BARs are
 * answered the way hardware does it, so the kernel's own enumeration fills in
 * sysfs.
 */
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/pci.h>
#include <asm/unaligned.h>

#include "igpu.h"

#define IGPU_DOMAIN		0x10000
#define IGPU_DEVFN		PCI_DEVFN(2, 0)
#define IGPU_REVISION		0x02
#define IGPU_SUBVENDOR		0x144d	/* Samsung */
#define IGPU_SUBDEVICE		0xc18a

/* As `lspci -vv` prints them for a Comet Lake GPU. */
#define IGPU_MMIO_SIZE		SZ_16M	/* BAR 0: registers, GGTT at +8 MiB */
#define IGPU_IO_SIZE		64	/* BAR 4 */
#define IGPU_CAP_VENDOR		0x40
#define IGPU_CAP_MSI		0xac
#define IGPU_CAP_PM		0xd0

/* Somewhere in the address space above memory and below 39 bits. */
#define IGPU_WINDOW_MIN		(64ULL * SZ_1G)
#define IGPU_WINDOW_MAX		(BIT_ULL(39) - 1)

static u8 cfg[PCI_CFG_SPACE_EXP_SIZE];
static u64 bar_size[PCI_STD_NUM_BARS];
static struct pci_bus *root_bus;

static struct pci_sysdata sysdata = {
	.domain = IGPU_DOMAIN,
	.node = NUMA_NO_NODE,
};

static struct resource bus_numbers = {
	.name = "cleave lab bus",
	.start = 0,
	.end = 0,
	.flags = IORESOURCE_BUS,
};

static struct resource mem_window = {
	.name = "cleave lab GPU",
};

/*
 * The I/O window is not inserted into the machine's port space, where 00:02.0
 * would have it: no port is ever touched, only the number is to be seen.
 */
static struct resource io_window = {
	.name = "cleave lab GPU I/O",
	.start = 0xf000,
	.end = 0xf000 + IGPU_IO_SIZE - 1,
	.flags = IORESOURCE_IO,
};

static void cfg_init(u16 device_id, u64 aperture_size)
{
	memset(cfg, 0, sizeof(cfg));
	put_unaligned_le16(PCI_VENDOR_ID_INTEL, cfg + PCI_VENDOR_ID);
	put_unaligned_le16(device_id, cfg + PCI_DEVICE_ID);
	put_unaligned_le16(PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
			   PCI_COMMAND_MASTER, cfg + PCI_COMMAND);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, cfg + PCI_STATUS);
	cfg[PCI_REVISION_ID] = IGPU_REVISION;
	put_unaligned_le16(PCI_CLASS_DISPLAY_VGA, cfg + PCI_CLASS_DEVICE);
	put_unaligned_le16(IGPU_SUBVENDOR, cfg + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(IGPU_SUBDEVICE, cfg + PCI_SUBSYSTEM_ID);

	bar_size[0] = IGPU_MMIO_SIZE;
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64,
			   cfg + PCI_BASE_ADDRESS_0);
	bar_size[2] = aperture_size;
	put_unaligned_le32(PCI_BASE_ADDRESS_MEM_TYPE_64 |
			   PCI_BASE_ADDRESS_MEM_PREFETCH,
			   cfg + PCI_BASE_ADDRESS_2);
	bar_size[4] = IGPU_IO_SIZE;
	put_unaligned_le32(PCI_BASE_ADDRESS_SPACE_IO, cfg + PCI_BASE_ADDRESS_4);

	cfg[PCI_CAPABILITY_LIST] = IGPU_CAP_VENDOR;
	cfg[IGPU_CAP_VENDOR] = PCI_CAP_ID_VNDR;
	cfg[IGPU_CAP_VENDOR + PCI_CAP_LIST_NEXT] = IGPU_CAP_MSI;
	cfg[IGPU_CAP_VENDOR + 2] = 0x0c;
	cfg[IGPU_CAP_MSI] = PCI_CAP_ID_MSI;
	cfg[IGPU_CAP_MSI + PCI_CAP_LIST_NEXT] = IGPU_CAP_PM;
	cfg[IGPU_CAP_PM] = PCI_CAP_ID_PM;
	put_unaligned_le16(2, cfg + IGPU_CAP_PM + PCI_PM_PMC);
}

static bool bar_is_high_half(unsigned int bar)
{
	return bar > 0 && bar_size[bar - 1] &&
	       (cfg[PCI_BASE_ADDRESS_0 + 4 * (bar - 1)] &
		PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static void bar_write(unsigned int bar, u32 value)
{
	u8 *reg = cfg + PCI_BASE_ADDRESS_0 + 4 * bar;
	u32 flags;

	if (bar_is_high_half(bar)) {
		value &= upper_32_bits(~(bar_size[bar - 1] - 1));
		put_unaligned_le32(value, reg);
		return;
	}
	if (!bar_size[bar])
		return;
	flags = get_unaligned_le32(reg);
	flags &= (flags & PCI_BASE_ADDRESS_SPACE_IO) ?
		 (u32)~PCI_BASE_ADDRESS_IO_MASK :
		 (u32)~PCI_BASE_ADDRESS_MEM_MASK;
	value &= lower_32_bits(~(bar_size[bar] - 1));
	put_unaligned_le32(value | flags, reg);
}

static int cfg_read(struct pci_bus *bus, unsigned int devfn, int where,
		    int size, u32 *val)
{
	if (devfn != IGPU_DEVFN || where < 0 || where + size > sizeof(cfg)) {
		*val = ~0U;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	*val = 0;
	memcpy(val, cfg + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int cfg_write(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 val)
{
	if (devfn != IGPU_DEVFN || where < 0 || where + size > sizeof(cfg))
		return PCIBIOS_DEVICE_NOT_FOUND;

	switch (where) {
	case PCI_COMMAND:
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		memcpy(cfg + where, &val, min(size, 2));
		break;
	case PCI_BASE_ADDRESS_0 ... PCI_BASE_ADDRESS_5:
		if (size == 4)
			bar_write((where - PCI_BASE_ADDRESS_0) / 4, val);
		break;
	default:
		/* Everything else reads as it was: no MSI, no power states. */
		break;
	}
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops igpu_pci_ops = {
	.read = cfg_read,
	.write = cfg_write,
};

bool igpu_bus_owns(const struct pci_dev *pdev)
{
	return root_bus && pdev->bus == root_bus;
}

int igpu_bus_create(u16 device_id, u64 aperture_size)
{
	resource_size_t size = 2 * max_t(u64, aperture_size, SZ_64M);
	LIST_HEAD(windows);
	int ret;

	cfg_init(device_id, aperture_size);

	/* Not prefetchable itself, so that both kinds of BAR fit in. */
	mem_window.flags = IORESOURCE_MEM | IORESOURCE_MEM_64;
	ret = allocate_resource(&iomem_resource, &mem_window, size,
				IGPU_WINDOW_MIN, IGPU_WINDOW_MAX,
				aperture_size, NULL, NULL);
	if (ret) {
		pr_err("cleave lab: no address space for a GPU of %llu MiB\n",
		       aperture_size / SZ_1M);
		return ret;
	}

	pci_add_resource(&windows, &bus_numbers);
	pci_add_resource(&windows, &mem_window);
	pci_add_resource(&windows, &io_window);

	pci_lock_rescan_remove();
	root_bus = pci_create_root_bus(NULL, 0, &igpu_pci_ops, &sysdata,
				       &windows);
	if (!root_bus) {
		pci_unlock_rescan_remove();
		pci_free_resource_list(&windows);
		release_resource(&mem_window);
		return -ENOMEM;
	}
	pci_scan_child_bus(root_bus);
	pci_bus_assign_resources(root_bus);
	pci_bus_add_devices(root_bus);
	pci_unlock_rescan_remove();
	return 0;
}

void igpu_bus_destroy(void)
{
	pci_lock_rescan_remove();
	pci_stop_root_bus(root_bus);
	pci_remove_root_bus(root_bus);
	root_bus = NULL;
	pci_unlock_rescan_remove();
	release_resource(&mem_window);
}
