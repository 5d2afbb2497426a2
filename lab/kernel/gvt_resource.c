// SPDX-License-Identifier: GPL-2.0
/*
 * What a vGPU takes from the GPU: aperture ("low GM"), the graphics addresses
 * above it ("high GM"), fences and an id.
 *
 * Facts from gvt/vgpu.c (table, which types are listed), gvt/kvmgt.c
 * (available_instances) and gvt/aperture_gm.c (texts of the messages). The
 * real driver keeps the free sizes in 32-bit numbers while it lists the types
 * and counts the instances; with an aperture of 4096 MiB that lists types of
 * which none can be created, and so it does here.
 */
#include <linux/kernel.h>

#include "gvt.h"

#define MB(n)		((u64)(n) * SZ_1M)
#define TO_MB(n)	((unsigned long)((n) / SZ_1M))

static const struct gvt_config configs[GVT_NUM_CONFIGS] = {
	{ MB(64), MB(384), 4, 2, 1024, 768, "8" },
	{ MB(128), MB(512), 4, 4, 1920, 1200, "4" },
	{ MB(256), MB(1024), 4, 8, 1920, 1200, "2" },
	{ MB(512), MB(2048), 4, 16, 1920, 1200, "1" },
};

void gvt_resource_init(struct gvt *gvt)
{
	u32 low_free;
	size_t i;

	gvt->low_total = gvt->igpu->aperture_size;
	gvt->high_total = GVT_GGTT_SPAN - gvt->low_total;

	low_free = gvt->low_total - HOST_LOW_GM_SIZE;
	for (i = 0; i < ARRAY_SIZE(configs); i++) {
		struct gvt_type *type = &gvt->types[i];

		if (low_free < configs[i].low_gm)
			break;
		type->conf = &configs[i];
		snprintf(type->name, sizeof(type->name), "GVTg_V%u_%s",
			 gvt->igpu->graphics_ver == 8 ? 4 : 5,
			 configs[i].suffix);
		type->type.sysfs_name = type->name;
		gvt->mdev_types[i] = &type->type;
	}
	gvt->num_types = i;
}

unsigned int gvt_resource_available(struct gvt *gvt,
				    const struct gvt_config *conf)
{
	u32 low, high, fence;

	mutex_lock(&gvt->lock);
	low = gvt->low_total - HOST_LOW_GM_SIZE - gvt->low_taken;
	high = gvt->high_total - HOST_HIGH_GM_SIZE - gvt->high_taken;
	fence = GVT_FENCES - HOST_FENCE - gvt->fence_taken;
	mutex_unlock(&gvt->lock);

	return min3(low / (u32)conf->low_gm, high / (u32)conf->high_gm,
		    fence / conf->fence);
}

/* A free range of this size in [start, end), or -ENOSPC. */
static int take_span(struct gvt *gvt, struct gvt_span *span, u64 size,
		     u64 start, u64 end)
{
	struct gvt_span *other;
	u64 at = start;
	bool moved;

	do {
		moved = false;
		list_for_each_entry(other, &gvt->spans, node) {
			if (at < other->start + other->size &&
			    other->start < at + size) {
				at = other->start + other->size;
				moved = true;
			}
		}
	} while (moved);

	if (at + size > end)
		return -ENOSPC;
	span->start = at;
	span->size = size;
	list_add_tail(&span->node, &gvt->spans);
	return 0;
}

static bool enough(const char *what, u64 request, u64 max, u64 taken)
{
	u64 avail = max - taken;

	if (request <= avail)
		return true;
	gvt_err("fail to allocate resource %s\n", what);
	gvt_err("request %luMB avail %luMB max %luMB taken %luMB\n",
		TO_MB(request), TO_MB(avail), TO_MB(max), TO_MB(taken));
	return false;
}

static int take_locked(struct gvt *gvt, struct vgpu *vgpu)
{
	const struct gvt_config *conf = vgpu->conf;
	int id;

	id = idr_alloc(&gvt->vgpus, vgpu, 1, GVT_MAX_VGPU, GFP_KERNEL);
	if (id < 0)
		return id;
	vgpu->id = id;

	if (!enough("low GM space", conf->low_gm,
		    gvt->low_total - HOST_LOW_GM_SIZE, gvt->low_taken) ||
	    !enough("high GM space", conf->high_gm,
		    gvt->high_total - HOST_HIGH_GM_SIZE, gvt->high_taken) ||
	    !enough("fence", conf->fence, GVT_FENCES - HOST_FENCE,
		    gvt->fence_taken))
		goto err_id;

	/* The host's own part stands at the beginning of both ranges. */
	if (gvt_switch_fail_create() ||
	    take_span(gvt, &vgpu->low, conf->low_gm, HOST_LOW_GM_SIZE,
		      gvt->low_total)) {
		gvt_err("fail to alloc low gm space from host\n");
		goto err_id;
	}
	if (take_span(gvt, &vgpu->high, conf->high_gm,
		      gvt->low_total + HOST_HIGH_GM_SIZE, GVT_GGTT_SPAN)) {
		gvt_err("fail to alloc high gm space from host\n");
		list_del(&vgpu->low.node);
		goto err_id;
	}
	gvt->low_taken += conf->low_gm;
	gvt->high_taken += conf->high_gm;
	gvt->fence_taken += conf->fence;
	return 0;

err_id:
	idr_remove(&gvt->vgpus, id);
	return -ENOSPC;
}

int gvt_resource_take(struct gvt *gvt, struct vgpu *vgpu)
{
	int ret;

	mutex_lock(&gvt->lock);
	ret = take_locked(gvt, vgpu);
	mutex_unlock(&gvt->lock);
	return ret;
}

void gvt_resource_give_back(struct gvt *gvt, struct vgpu *vgpu)
{
	const struct gvt_config *conf = vgpu->conf;

	mutex_lock(&gvt->lock);
	list_del(&vgpu->low.node);
	list_del(&vgpu->high.node);
	gvt->low_taken -= conf->low_gm;
	gvt->high_taken -= conf->high_gm;
	gvt->fence_taken -= conf->fence;
	idr_remove(&gvt->vgpus, vgpu->id);
	mutex_unlock(&gvt->lock);
}
