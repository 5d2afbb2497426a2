// SPDX-License-Identifier: Apache-2.0

#include "report.h"

#include "text.h"

#define SCHEMA "{\"schema\":\"cleave.guest/1\""

uint64_t frames_per_second_tenths(uint64_t frames, uint64_t microseconds)
{
    if (microseconds == 0)
        return 0;
    return (frames * 10000000u + microseconds / 2) / microseconds;
}

void format_pci_address(char *address, size_t capacity, const struct gpu_identity *gpu)
{
    struct text text = text_in(address, capacity);
    text_add_hexadecimal(&text, gpu->bus, 2);
    text_add_character(&text, ':');
    text_add_hexadecimal(&text, gpu->device, 2);
    text_add_character(&text, '.');
    text_add_hexadecimal(&text, gpu->function, 1);
}

static void add_string_member(struct text *text, const char *key, const char *value)
{
    text_add(text, ",\"");
    text_add(text, key);
    text_add(text, "\":\"");
    text_add_json_escaped(text, value);
    text_add_character(text, '"');
}

static void add_number_key(struct text *text, const char *key)
{
    text_add(text, ",\"");
    text_add(text, key);
    text_add(text, "\":");
}

static void add_number_member(struct text *text, const char *key, uint64_t value)
{
    add_number_key(text, key);
    text_add_decimal(text, value);
}

static void add_hexadecimal_member(struct text *text, const char *key, uint64_t value,
                                   unsigned minimum_digits)
{
    char digits[24];
    struct text hexadecimal = text_in(digits, sizeof(digits));
    text_add_hexadecimal(&hexadecimal, value, minimum_digits);
    add_string_member(text, key, digits);
}

static void add_gpu(struct text *text, const struct gpu_identity *gpu)
{
    char address[PCI_ADDRESS_CAPACITY];
    if (!gpu) {
        text_add(text, ",\"gpu\":null");
        return;
    }
    format_pci_address(address, sizeof(address), gpu);
    text_add(text, ",\"gpu\":{\"address\":\"");
    text_add(text, address);
    text_add_character(text, '"');
    add_hexadecimal_member(text, "vendor_id", gpu->vendor_id, 4);
    add_hexadecimal_member(text, "device_id", gpu->device_id, 4);
    add_string_member(text, "name", gpu->name);
    add_string_member(text, "kind", gpu->kind);
    text_add_character(text, '}');
}

static void add_framebuffer(struct text *text, const struct framebuffer_shape *framebuffer)
{
    if (!framebuffer) {
        text_add(text, ",\"framebuffer\":null");
        return;
    }
    text_add(text, ",\"framebuffer\":{\"width\":");
    text_add_decimal(text, framebuffer->width);
    add_number_member(text, "height", framebuffer->height);
    add_number_member(text, "stride", framebuffer->stride);
    add_number_member(text, "bits_per_pixel", framebuffer->bits_per_pixel);
    text_add_character(text, '}');
}

size_t report_format(char *line, size_t capacity, const struct report *report)
{
    struct text text = text_in(line, capacity);
    text_add(&text, SCHEMA);
    add_gpu(&text, report->gpu);
    add_framebuffer(&text, report->framebuffer);
    if (report->error)
        add_string_member(&text, "error", report->error);
    add_number_member(&text, "frames", report->frames);
    add_number_key(&text, "frames_per_second");
    text_add_tenths(&text, report->frames_per_second_tenths);
    add_number_member(&text, "elapsed_ms", report->elapsed_milliseconds);
    text_add(&text, "}\n");
    return text.length;
}

size_t report_format_fault(char *line, size_t capacity, const struct fault *fault)
{
    char description[64];
    struct text error = text_in(description, sizeof(description));
    text_add(&error, "processor exception ");
    text_add_decimal(&error, fault->vector);
    text_add(&error, " at 0x");
    text_add_hexadecimal(&error, fault->instruction, 1);

    struct text text = text_in(line, capacity);
    text_add(&text, SCHEMA);
    add_string_member(&text, "error", description);
    add_number_member(&text, "vector", fault->vector);
    add_hexadecimal_member(&text, "rip", fault->instruction, 16);
    add_hexadecimal_member(&text, "error_code", fault->error_code, 1);
    add_hexadecimal_member(&text, "address", fault->address, 16);
    text_add(&text, "}\n");
    return text.length;
}
