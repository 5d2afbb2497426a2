/* SPDX-License-Identifier: Apache-2.0 */
/* The screens this guest knows how to draw on, behind one small interface. */
#ifndef CLEAVE_GUEST_GPU_H
#define CLEAVE_GUEST_GPU_H

#include "pci.h"
#include "report.h"

#include <stdbool.h>
#include <stdint.h>

struct framebuffer {
    volatile void *pixels; /* 32 bits each, blue in the lowest byte (XRGB8888) */
    struct framebuffer_shape shape;
};

struct gpu_driver {
    const char *kind;
    /* Whether the driver can drive this function. May enable it to find out. */
    bool (*recognizes)(const struct pci_function *function);
    const char *(*name)(const struct pci_function *function);
    /* Sets a mode and shows a framebuffer. Null, or why it could not. */
    const char *(*start)(const struct pci_function *function, struct framebuffer *framebuffer);
};

extern const struct gpu_driver gpu_gvt_g;
extern const struct gpu_driver gpu_mdpy;
extern const struct gpu_driver gpu_bochs;

struct gpu {
    const struct gpu_driver *driver;
    const struct pci_function *function;
};

/* A share of a GPU is preferred to a screen that QEMU emulates. */
bool gpu_find(const struct pci_bus *bus, struct gpu *found);

#endif
