/* SPDX-License-Identifier: Apache-2.0 */
/* The lines the guest writes to COM1: JSON objects, schema cleave.guest/1. */
#ifndef CLEAVE_GUEST_REPORT_H
#define CLEAVE_GUEST_REPORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REPORT_LINE_CAPACITY 768
#define PCI_ADDRESS_CAPACITY 8 /* "00:02.0" and the NUL */

struct gpu_identity {
    uint8_t bus;
    uint8_t device;
    uint8_t function;
    uint16_t vendor_id;
    uint16_t device_id;
    const char *name;
    const char *kind; /* "gvt-g", "mdpy" or "bochs" */
};

struct framebuffer_shape {
    uint32_t width;
    uint32_t height;
    uint32_t stride; /* in bytes */
    uint32_t bits_per_pixel;
};

struct report {
    const struct gpu_identity *gpu;              /* null: none found */
    const struct framebuffer_shape *framebuffer; /* null: none shown */
    const char *error;                           /* null: all is well */
    uint64_t frames;
    uint64_t frames_per_second_tenths;
    uint64_t elapsed_milliseconds;
};

struct fault {
    uint32_t vector;
    uint64_t error_code;
    uint64_t instruction;
    uint64_t address;
};

/* One line with its newline, cut to the capacity; returns its length. */
size_t report_format(char *line, size_t capacity, const struct report *report);
size_t report_format_fault(char *line, size_t capacity, const struct fault *fault);

/* "00:02.0", into at least PCI_ADDRESS_CAPACITY characters. */
void format_pci_address(char *text, size_t capacity, const struct gpu_identity *gpu);

/* Rounded to the nearest tenth; 0 if no time has passed. */
uint64_t frames_per_second_tenths(uint64_t frames, uint64_t microseconds);

#ifdef __cplusplus
}
#endif

#endif
