// SPDX-License-Identifier: GPL-2.0
/*
 * Switches with which a test makes the vGPUs misbehave, all of them in
 * /sys/module/kvmgt/parameters.
 */
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/string.h>

#include "gvt.h"

static bool fail_create;
module_param(fail_create, bool, 0644);
MODULE_PARM_DESC(fail_create, "creating a vGPU fails with ENOSPC although available_instances is above 0, as if the host had used up the aperture (default: false)");

static bool busy;
module_param(busy, bool, 0644);
MODULE_PARM_DESC(busy, "creating and removing a vGPU fail with EBUSY (default: false)");

static bool require_kvm;
module_param(require_kvm, bool, 0644);
MODULE_PARM_DESC(require_kvm, "opening a vGPU needs a VM of KVM, as in the real driver, else ESRCH; off, because the laptop has no KVM (default: false)");

static bool check_ptes = true;
module_param(check_ptes, bool, 0644);
MODULE_PARM_DESC(check_ptes, "a plane is shown only if all its pages are present in the vGPU's GGTT (default: true)");

static uint register_delay_ms;
module_param(register_delay_ms, uint, 0444);
MODULE_PARM_DESC(register_delay_ms, "the mdev parent registers this many milliseconds after the module has been loaded (default: 0)");

static enum display_mode display = DISPLAY_REGION;

static int display_set(const char *val, const struct kernel_param *kp)
{
	if (sysfs_streq(val, "dmabuf"))
		WRITE_ONCE(display, DISPLAY_DMABUF);
	else if (sysfs_streq(val, "region"))
		WRITE_ONCE(display, DISPLAY_REGION);
	else
		return -EINVAL;
	return 0;
}

static int display_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(display) == DISPLAY_REGION ?
				       "region" : "dmabuf");
}

static const struct kernel_param_ops display_ops = {
	.set = display_set,
	.get = display_get,
};
module_param_cb(display, &display_ops, NULL, 0644);
MODULE_PARM_DESC(display, "how a vGPU hands over its picture: region, which needs no OpenGL, or dmabuf, as the real driver; change it while no vGPU is open (default: region)");

bool gvt_switch_fail_create(void)
{
	return READ_ONCE(fail_create);
}

bool gvt_switch_busy(void)
{
	return READ_ONCE(busy);
}

bool gvt_switch_require_kvm(void)
{
	return READ_ONCE(require_kvm);
}

bool gvt_switch_check_ptes(void)
{
	return READ_ONCE(check_ptes);
}

unsigned int gvt_switch_register_delay_ms(void)
{
	return register_delay_ms;
}

enum display_mode gvt_switch_display(void)
{
	return READ_ONCE(display);
}

/*
 * A driver of vGPUs has no say in their removal (its .remove returns nothing),
 * so "busy" answers in the place of the core's remove_store(), for the vGPUs of
 * this module alone. (A failure any later in drivers/vfio/mdev/mdev_sysfs.c
 * comes after the attribute "remove" has removed itself.) As in
 * arch/x86/lib/error-inject.c, execution goes on at a lone return instruction:
 * a probe on a function's first byte is served by ftrace, which does not take a
 * changed stack pointer.
 */
asmlinkage void busy_just_return(void);
asm(".pushsection .text, \"ax\"\n"
	".type busy_just_return, @function\n"
	"busy_just_return:\n"
	ANNOTATE_NOENDBR
	ASM_RET
	".size busy_just_return, . - busy_just_return\n"
	".popsection\n");

static int busy_remove(struct kprobe *probe, struct pt_regs *regs)
{
	struct mdev_device *mdev = to_mdev_device((struct device *)regs->di);

	if (!gvt_switch_busy() || !gvt_is_parent(mdev->type->parent))
		return 0;
	regs->ax = -EBUSY;
	regs->ip = (unsigned long)busy_just_return;
	return 1;
}

/* Only a probe with a second handler may change where execution goes on. */
static void busy_remove_post(struct kprobe *probe, struct pt_regs *regs,
			     unsigned long flags)
{
}

static struct kprobe busy_probe = {
	.symbol_name = "mdev:remove_store",
	.pre_handler = busy_remove,
	.post_handler = busy_remove_post,
};

int gvt_switches_init(void)
{
	int ret = register_kprobe(&busy_probe);

	if (ret)
		gvt_err("no probe on remove_store: %d\n", ret);
	return ret;
}

void gvt_switches_exit(void)
{
	unregister_kprobe(&busy_probe);
}
