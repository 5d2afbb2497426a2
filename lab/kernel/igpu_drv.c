// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI driver named "i915" of the lab, and the conditions under which the
 * real one lets GVT-g run.
 *
 * Facts from drivers/gpu/drm/i915/intel_gvt.c (order of the checks, texts of
 * the messages), i915_params.c (names, types, modes and defaults of the
 * parameters), i915_pci.c and include/drm/i915_pciids.h (device ids),
 * gt/uc/intel_uc.c (automatic enable_guc means no submission before
 * generation 12). The first check is silent unless drm debugging is on.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "igpu.h"

#define ENABLE_GUC_SUBMISSION	BIT(0)

static bool enable_gvt;
module_param(enable_gvt, bool, 0400);
MODULE_PARM_DESC(enable_gvt, "Enable support for Intel GVT-g graphics virtualization host support (default: false; cannot be changed at run time, as in the real driver)");

static int enable_guc = -1;
module_param(enable_guc, int, 0400);
MODULE_PARM_DESC(enable_guc, "GuC load and submission, bit 0 = submission, -1 = automatic, which means off on this generation (default: -1)");

static ushort device_id = 0x9b41;
module_param(device_id, ushort, 0444);
MODULE_PARM_DESC(device_id, "lab: PCI device id that the GPU shows, e.g. 0x9a49 for an unsupported one (default: 0x9b41)");

static uint aperture_mb = 256;
module_param(aperture_mb, uint, 0444);
MODULE_PARM_DESC(aperture_mb, "lab: size of BAR 2 in MiB, a power of two from 128 to 4096 (default: 256)");

static uint register_delay_ms;
module_param(register_delay_ms, uint, 0444);
MODULE_PARM_DESC(register_delay_ms, "lab: the driver registers this many milliseconds after the module has been loaded (default: 0)");

static bool hang;
module_param(hang, bool, 0);
MODULE_PARM_DESC(hang, "lab: loading the module never ends, as with a driver that hangs while the machine boots (default: false)");

static DEFINE_MUTEX(igpu_lock);		/* the two pointers below */
static struct igpu *the_igpu;
static const struct igpu_gvt_ops *gvt_ops;

static const u16 broadwell_ids[] = {
	0x1602, 0x1606, 0x160a, 0x160b, 0x160d, 0x160e,
	0x1612, 0x1616, 0x161a, 0x161b, 0x161d, 0x161e,
	0x1622, 0x1626, 0x162a, 0x162b, 0x162d, 0x162e,
	0x1632, 0x1636, 0x163a, 0x163b, 0x163d, 0x163e,
};

/* Skylake, Broxton, Kaby, Amber, Coffee, Whiskey and Comet Lake */
static const u16 gen9_ids[] = {
	0x1902, 0x1906, 0x190a, 0x190b, 0x190e, 0x1913, 0x1915, 0x1917,
	0x1912, 0x1916, 0x191a, 0x191b, 0x191d, 0x191e, 0x1921,
	0x1923, 0x1926, 0x1927, 0x192a, 0x192b, 0x192d,
	0x1932, 0x193a, 0x193b, 0x193d,
	0x0a84, 0x1a84, 0x1a85, 0x5a84, 0x5a85,
	0x5902, 0x5906, 0x5908, 0x590a, 0x590b, 0x590e, 0x5913, 0x5915,
	0x5912, 0x5916, 0x5917, 0x591a, 0x591b, 0x591d, 0x591e, 0x5921,
	0x5923, 0x5926, 0x5927, 0x593b, 0x591c, 0x87c0,
	0x3e90, 0x3e91, 0x3e92, 0x3e93, 0x3e94, 0x3e96, 0x3e98, 0x3e99,
	0x3e9a, 0x3e9b, 0x3e9c, 0x3ea5, 0x3ea6, 0x3ea7, 0x3ea8, 0x3ea9,
	0x87ca, 0x3ea0, 0x3ea1, 0x3ea2, 0x3ea3, 0x3ea4,
	0x9ba2, 0x9ba4, 0x9ba5, 0x9ba8, 0x9bc2, 0x9bc4, 0x9bc5, 0x9bc6,
	0x9bc8, 0x9be6, 0x9bf6, 0x9b21, 0x9baa, 0x9bac, 0x9b41, 0x9bca,
	0x9bcc,
};

/* The graphics version if GVT-g knows this device, else 0. */
static unsigned int gvt_graphics_ver(u16 device)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broadwell_ids); i++)
		if (broadwell_ids[i] == device)
			return 8;
	for (i = 0; i < ARRAY_SIZE(gen9_ids); i++)
		if (gen9_ids[i] == device)
			return 9;
	return 0;
}

static void gvt_init_device(struct igpu *igpu)
{
	struct device *dev = &igpu->pdev->dev;

	if (!enable_gvt) {
		dev_dbg(dev, "[drm] GVT-g is disabled by kernel params\n");
		return;
	}
	if (!igpu->graphics_ver) {
		dev_info(dev, "[drm] Unsupported device. GVT-g is disabled\n");
		return;
	}
	if (enable_guc > 0 && (enable_guc & ENABLE_GUC_SUBMISSION)) {
		dev_err(dev, "[drm] *ERROR* Graphics virtualization is not yet supported with GuC submission\n");
		return;
	}
	if (gvt_ops->init_device(igpu))
		dev_dbg(dev, "[drm] Fail to init GVT device\n");
}

static void gvt_clean_device(struct igpu *igpu)
{
	if (igpu->gvt)
		gvt_ops->clean_device(igpu);
}

int cleave_igpu_set_gvt_ops(const struct igpu_gvt_ops *ops)
{
	int ret = 0;

	mutex_lock(&igpu_lock);
	if (gvt_ops) {
		ret = -EINVAL;
	} else {
		gvt_ops = ops;
		if (the_igpu)
			gvt_init_device(the_igpu);
	}
	mutex_unlock(&igpu_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(cleave_igpu_set_gvt_ops);

void cleave_igpu_clear_gvt_ops(const struct igpu_gvt_ops *ops)
{
	mutex_lock(&igpu_lock);
	if (gvt_ops == ops) {
		if (the_igpu)
			gvt_clean_device(the_igpu);
		gvt_ops = NULL;
	}
	mutex_unlock(&igpu_lock);
}
EXPORT_SYMBOL_GPL(cleave_igpu_clear_gvt_ops);

static int igpu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct igpu *igpu;

	/* Never a real GPU, whatever machine this module ends up on. */
	if (!igpu_bus_owns(pdev))
		return -ENODEV;

	igpu = kzalloc(sizeof(*igpu), GFP_KERNEL);
	if (!igpu)
		return -ENOMEM;
	igpu->pdev = pdev;
	igpu->aperture_size = pci_resource_len(pdev, 2);
	igpu->graphics_ver = gvt_graphics_ver(pdev->device);
	igpu->drm = igpu_drm_create(pdev);
	if (IS_ERR(igpu->drm)) {
		int ret = PTR_ERR(igpu->drm);

		kfree(igpu);
		return ret;
	}
	pci_set_drvdata(pdev, igpu);
	dev_info(&pdev->dev, "cleave lab: a model of a GPU, aperture %llu MiB\n",
		 igpu->aperture_size / SZ_1M);

	mutex_lock(&igpu_lock);
	the_igpu = igpu;
	if (gvt_ops)
		gvt_init_device(igpu);
	mutex_unlock(&igpu_lock);
	return 0;
}

static void igpu_remove(struct pci_dev *pdev)
{
	struct igpu *igpu = pci_get_drvdata(pdev);

	mutex_lock(&igpu_lock);
	gvt_clean_device(igpu);
	the_igpu = NULL;
	mutex_unlock(&igpu_lock);
	igpu_drm_destroy(igpu->drm);
	kfree(igpu);
}

static const struct pci_device_id igpu_pci_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, PCI_ANY_ID),
	  .class = PCI_CLASS_DISPLAY_VGA << 8, .class_mask = 0xffff00 },
	{ }
};

static struct pci_driver igpu_driver = {
	.name = "i915",
	.id_table = igpu_pci_ids,
	.probe = igpu_probe,
	.remove = igpu_remove,
};

static bool driver_registered;

static void register_work_fn(struct work_struct *work)
{
	int ret = pci_register_driver(&igpu_driver);

	if (ret)
		pr_err("cleave lab: the driver did not register: %d\n", ret);
	else
		driver_registered = true;
}

static DECLARE_DELAYED_WORK(register_work, register_work_fn);

static int __init igpu_init(void)
{
	int ret;

	if (hang)
		pr_info("cleave lab: hanging, as asked\n");
	while (hang)
		msleep(MSEC_PER_SEC);

	if (!is_power_of_2(aperture_mb) || aperture_mb < 128 ||
	    aperture_mb > 4096) {
		pr_err("cleave lab: aperture_mb=%u is not a power of two from 128 to 4096\n",
		       aperture_mb);
		return -EINVAL;
	}

	ret = igpu_bus_create(device_id, (u64)aperture_mb * SZ_1M);
	if (ret)
		return ret;

	if (register_delay_ms) {
		schedule_delayed_work(&register_work,
				      msecs_to_jiffies(register_delay_ms));
		return 0;
	}
	register_work_fn(NULL);
	if (driver_registered)
		return 0;
	igpu_bus_destroy();
	return -EBUSY;
}

static void __exit igpu_exit(void)
{
	cancel_delayed_work_sync(&register_work);
	if (driver_registered)
		pci_unregister_driver(&igpu_driver);
	igpu_bus_destroy();
}

module_init(igpu_init);
module_exit(igpu_exit);

MODULE_DESCRIPTION("cleave's lab: a model of an Intel GPU and its driver");
MODULE_AUTHOR("cleave");
MODULE_LICENSE("GPL");
