// SPDX-License-Identifier: GPL-2.0
/*
 * The device side of GVT-g: the types, the mdev parent, loading and unloading.
 *
 * Facts from gvt/kvmgt.c (intel_gvt_init_device, kvmgt_init: the module loads
 * even if GVT-g stays off, there are just no types then), gvt/vgpu.c (types)
 * and gvt/firmware.c (an optional file, looked for under the name below; its
 * absence is logged by the firmware loader and means nothing).
 */
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "gvt.h"

static struct gvt *the_gvt;	/* changes under i915.ko's lock only */

bool gvt_is_parent(const struct mdev_parent *parent)
{
	struct gvt *gvt = READ_ONCE(the_gvt);

	return gvt && parent == &gvt->parent;
}

static void load_firmware(struct pci_dev *pdev)
{
	const struct firmware *fw;
	char name[80];

	snprintf(name, sizeof(name),
		 "i915/gvt/vid_0x%04x_did_0x%04x_rid_0x%02x.golden_hw_state",
		 pdev->vendor, pdev->device, pdev->revision);
	if (!request_firmware(&fw, name, &pdev->dev))
		release_firmware(fw);
}

static int gvt_init_device(struct igpu *igpu)
{
	struct gvt *gvt;
	int ret;

	gvt = kzalloc(sizeof(*gvt), GFP_KERNEL);
	if (!gvt)
		return -ENOMEM;
	gvt->igpu = igpu;
	mutex_init(&gvt->lock);
	idr_init_base(&gvt->vgpus, 1);
	INIT_LIST_HEAD(&gvt->spans);

	load_firmware(igpu->pdev);
	gvt_resource_init(gvt);

	igpu->gvt = gvt;
	WRITE_ONCE(the_gvt, gvt);
	ret = mdev_register_parent(&gvt->parent, &igpu->pdev->dev,
				   &gvt_mdev_driver, gvt->mdev_types,
				   gvt->num_types);
	if (ret) {
		gvt_err("the mdev parent did not register: %d\n", ret);
		WRITE_ONCE(the_gvt, NULL);
		igpu->gvt = NULL;
		idr_destroy(&gvt->vgpus);
		kfree(gvt);
	}
	return ret;
}

static void gvt_clean_device(struct igpu *igpu)
{
	struct gvt *gvt = igpu->gvt;

	mdev_unregister_parent(&gvt->parent);
	WRITE_ONCE(the_gvt, NULL);
	igpu->gvt = NULL;
	idr_destroy(&gvt->vgpus);
	kfree(gvt);
}

static const struct igpu_gvt_ops gvt_ops = {
	.init_device = gvt_init_device,
	.clean_device = gvt_clean_device,
};

static bool ops_set;

static void register_work_fn(struct work_struct *work)
{
	ops_set = !cleave_igpu_set_gvt_ops(&gvt_ops);
}

static DECLARE_DELAYED_WORK(register_work, register_work_fn);

static int __init gvt_init(void)
{
	unsigned int delay = gvt_switch_register_delay_ms();
	int ret;

	ret = gvt_switches_init();
	if (ret)
		return ret;

	ret = mdev_register_driver(&gvt_mdev_driver);
	if (ret)
		goto err_switches;

	if (delay) {
		schedule_delayed_work(&register_work, msecs_to_jiffies(delay));
		return 0;
	}
	register_work_fn(NULL);
	if (ops_set)
		return 0;

	ret = -EINVAL;
	mdev_unregister_driver(&gvt_mdev_driver);
err_switches:
	gvt_switches_exit();
	return ret;
}

static void __exit gvt_exit(void)
{
	cancel_delayed_work_sync(&register_work);
	if (ops_set)
		cleave_igpu_clear_gvt_ops(&gvt_ops);
	mdev_unregister_driver(&gvt_mdev_driver);
	gvt_switches_exit();
}

module_init(gvt_init);
module_exit(gvt_exit);

MODULE_DESCRIPTION("cleave's lab: a model of GVT-g");
MODULE_AUTHOR("cleave");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
