// SPDX-License-Identifier: Apache-2.0
//
// The demo guest: finds its GPU, draws on it as fast as it can, and says on COM1
// how fast that is. See README.md.

#include "clock.h"
#include "exceptions.h"
#include "frame_memory.h"
#include "gpu.h"
#include "paging.h"
#include "pci.h"
#include "power.h"
#include "report.h"
#include "serial.h"
#include "test_card.h"
#include "text.h"

#include <stddef.h>
#include <stdint.h>

#define REPORT_INTERVAL_MICROSECONDS 1000000u

void guest_main(void) __attribute__((noreturn));

static struct pci_bus bus;
static struct test_card card;

static void send_report(const struct report *report)
{
    char line[REPORT_LINE_CAPACITY];
    serial_write(line, report_format(line, sizeof(line), report));
}

// With nothing to draw on, the guest still reports and still obeys.
static void report_forever(struct report report) __attribute__((noreturn));
static void report_forever(struct report report)
{
    uint64_t next = 0;
    for (;;) {
        uint64_t now = clock_microseconds();
        if (now >= next) {
            report.elapsed_milliseconds = now / 1000;
            send_report(&report);
            next = now + REPORT_INTERVAL_MICROSECONDS;
        }
        power_obey_requests();
    }
}

static void report_no_gpu(void) __attribute__((noreturn));
static void report_no_gpu(void)
{
    char error[64];
    struct text text = text_in(error, sizeof(error));
    text_add(&text, "there is no display device");
    for (size_t i = 0; i < bus.count; ++i) {
        if (bus.functions[i].class_code != PCI_CLASS_DISPLAY)
            continue;
        text = text_in(error, sizeof(error));
        text_add(&text, "no way to draw on display device ");
        text_add_hexadecimal(&text, bus.functions[i].vendor_id, 4);
        text_add_character(&text, ':');
        text_add_hexadecimal(&text, bus.functions[i].device_id, 4);
        break;
    }
    report_forever((struct report){.error = error});
}

static struct gpu_identity identity_of(const struct gpu *gpu)
{
    return (struct gpu_identity){
        .bus = gpu->function->bus,
        .device = gpu->function->device,
        .function = gpu->function->function,
        .vendor_id = gpu->function->vendor_id,
        .device_id = gpu->function->device_id,
        .name = gpu->driver->name(gpu->function),
        .kind = gpu->driver->kind,
    };
}

// Rows of both frames follow each other without a gap, and a row holds an even
// number of pixels, so the whole frame is a run of 64-bit words. Eight are loaded
// before eight are stored: under QEMU 7.2's TCG that was three to five times as
// fast as taking turns (1920x1200: 77 instead of 20 frames per second), and on
// real hardware it fills a write-combining buffer at once.
static void copy_to_screen(const struct framebuffer *screen, const uint32_t *frame)
{
    const uint64_t *from = (const uint64_t *)frame;
    volatile uint64_t *to = screen->pixels;
    const size_t words = (size_t)screen->shape.stride * screen->shape.height / sizeof(uint64_t);
    size_t i = 0;
    for (; i + 8 <= words; i += 8) {
        const uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        const uint64_t e = from[i + 4], f = from[i + 5], g = from[i + 6], h = from[i + 7];
        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = c;
        to[i + 3] = d;
        to[i + 4] = e;
        to[i + 5] = f;
        to[i + 6] = g;
        to[i + 7] = h;
    }
    for (; i < words; ++i)
        to[i] = from[i];
}

static void paint_card(const struct framebuffer *screen, const struct gpu_identity *identity)
{
    char address[PCI_ADDRESS_CAPACITY];
    format_pci_address(address, sizeof(address), identity);
    const struct surface surface = {
        .pixels = (uint32_t *)FRAME_MEMORY_CARD,
        .width = screen->shape.width,
        .height = screen->shape.height,
    };
    const struct test_card_facts facts = {
        .gpu_name = identity->name,
        .gpu_kind = identity->kind,
        .pci_address = address,
        .vendor_id = identity->vendor_id,
        .device_id = identity->device_id,
    };
    test_card_paint(&card, surface, &facts);
}

// The first report follows the first whole frame; from then on one a second,
// with the speed of the time since the one before.
static void draw_forever(const struct framebuffer *screen, struct report report)
    __attribute__((noreturn));
static void draw_forever(const struct framebuffer *screen, struct report report)
{
    uint64_t window_start = clock_microseconds();
    uint64_t window_length = 0; // the first ends with the first frame
    uint64_t frames_before_window = 0;
    for (;;) {
        ++report.frames;
        const struct test_card_progress progress = {
            .frames = report.frames,
            .frames_per_second_tenths = report.frames_per_second_tenths,
            .elapsed_milliseconds = report.elapsed_milliseconds,
        };
        test_card_advance(&card, &progress);
        copy_to_screen(screen, card.surface.pixels);

        uint64_t now = clock_microseconds();
        report.elapsed_milliseconds = now / 1000;
        if (now - window_start >= window_length) {
            report.frames_per_second_tenths = frames_per_second_tenths(
                report.frames - frames_before_window, now - window_start);
            send_report(&report);
            window_start = now;
            window_length = REPORT_INTERVAL_MICROSECONDS;
            frames_before_window = report.frames;
        }
        power_obey_requests();
    }
}

void guest_main(void)
{
    exceptions_initialize();
    paging_initialize();
    serial_initialize();
    pci_scan(&bus);
    power_initialize(&bus);
    clock_initialize(power_timer_port());

    struct gpu gpu;
    if (!gpu_find(&bus, &gpu))
        report_no_gpu();
    struct gpu_identity identity = identity_of(&gpu);
    struct report report = {.gpu = &identity};
    if (!memory_is_present(FRAME_MEMORY_END - sizeof(uint64_t))) {
        report.error = "the machine has less than 26 MiB of memory";
        report_forever(report);
    }
    struct framebuffer screen;
    report.error = gpu.driver->start(gpu.function, &screen);
    if (report.error)
        report_forever(report);
    report.framebuffer = &screen.shape;
    paint_card(&screen, &identity);
    draw_forever(&screen, report);
}
