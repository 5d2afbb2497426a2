// SPDX-License-Identifier: Apache-2.0
//
// The ACPI timer is exact under TCG and KVM alike and needs no calibration, but
// its 24 bits wrap every 4.7 s and a frame may take longer when emulation is
// nested. The time stamp counter, measured against it once, tells how often it
// wrapped. A machine without the timer uses the time stamp counter alone,
// measured against channel 2 of the interval timer.

#include "clock.h"

#include "processor.h"

// ACPI 6.5, section 4.8.2.1.
#define ACPI_TIMER_HERTZ 3579545u
#define ACPI_TIMER_MASK 0xffffffu
#define ACPI_TIMER_WRAP 0x1000000u

// 8254 data sheet; the PC feeds it 1193182 Hz and gates channel 2 by port 0x61.
#define INTERVAL_TIMER_HERTZ 1193182u
#define INTERVAL_TIMER_CHANNEL_2 0x42
#define INTERVAL_TIMER_COMMAND 0x43
#define CHANNEL_2_ONE_SHOT 0xb0 // channel 2, both bytes, mode 0
#define SPEAKER_CONTROL 0x61
#define SPEAKER_GATE 0x01
#define SPEAKER_ENABLE 0x02
#define SPEAKER_OUTPUT 0x20

#define CALIBRATION_MICROSECONDS 20000u
#define CALIBRATION_LONGEST_READS 10000000u
#define CAUTIOUS_COUNTER_HERTZ 1000000000u

static uint16_t timer_port;
static uint32_t timer_last;
static uint64_t timer_ticks;
static uint64_t counter_last;
static uint64_t counter_per_second;
static uint64_t counter_start;

static uint32_t timer_read(void)
{
    return port_read_32(timer_port) & ACPI_TIMER_MASK;
}

// Bounded by a number of reads as well: a timer that stands still must not hang
// the guest before its first report.
static uint64_t counter_rate_by_acpi_timer(void)
{
    const uint32_t enough = (uint32_t)((uint64_t)ACPI_TIMER_HERTZ * CALIBRATION_MICROSECONDS / 1000000u);
    uint32_t timer_begin = timer_read();
    uint64_t counter_begin = time_stamp_counter();
    uint32_t ticks = 0;
    for (uint32_t reads = 0; ticks < enough && reads < CALIBRATION_LONGEST_READS; ++reads)
        ticks = (timer_read() - timer_begin) & ACPI_TIMER_MASK;
    if (ticks < enough)
        return 0;
    return (time_stamp_counter() - counter_begin) * ACPI_TIMER_HERTZ / ticks;
}

static uint64_t counter_rate_by_interval_timer(void)
{
    const uint32_t count = (uint32_t)((uint64_t)INTERVAL_TIMER_HERTZ * CALIBRATION_MICROSECONDS / 1000000u);
    uint8_t control = port_read_8(SPEAKER_CONTROL) & (uint8_t)~(SPEAKER_ENABLE | SPEAKER_GATE);
    port_write_8(SPEAKER_CONTROL, control);
    port_write_8(INTERVAL_TIMER_COMMAND, CHANNEL_2_ONE_SHOT);
    port_write_8(INTERVAL_TIMER_CHANNEL_2, (uint8_t)count);
    port_write_8(INTERVAL_TIMER_CHANNEL_2, (uint8_t)(count >> 8));
    port_write_8(SPEAKER_CONTROL, control | SPEAKER_GATE);
    uint64_t begin = time_stamp_counter();
    uint32_t reads = 0;
    while (!(port_read_8(SPEAKER_CONTROL) & SPEAKER_OUTPUT))
        if (++reads == CALIBRATION_LONGEST_READS)
            return CAUTIOUS_COUNTER_HERTZ;
    return (time_stamp_counter() - begin) * INTERVAL_TIMER_HERTZ / count;
}

void clock_initialize(uint16_t acpi_timer_port)
{
    timer_port = acpi_timer_port;
    if (timer_port)
        counter_per_second = counter_rate_by_acpi_timer();
    if (!counter_per_second) {
        timer_port = 0;
        counter_per_second = counter_rate_by_interval_timer();
    }
    counter_start = counter_last = time_stamp_counter();
    if (timer_port)
        timer_last = timer_read();
}

static uint64_t counter_microseconds(uint64_t counter)
{
    return counter / counter_per_second * 1000000u +
           counter % counter_per_second * 1000000u / counter_per_second;
}

static void count_timer_ticks(void)
{
    uint64_t counter_now = time_stamp_counter();
    uint32_t timer_now = timer_read();
    uint64_t ticks = (timer_now - timer_last) & ACPI_TIMER_MASK;
    uint64_t expected = counter_microseconds(counter_now - counter_last) * ACPI_TIMER_HERTZ / 1000000u;
    if (expected > ticks + ACPI_TIMER_WRAP / 2)
        ticks += (expected - ticks + ACPI_TIMER_WRAP / 2) / ACPI_TIMER_WRAP * ACPI_TIMER_WRAP;
    timer_ticks += ticks;
    timer_last = timer_now;
    counter_last = counter_now;
}

uint64_t clock_microseconds(void)
{
    if (!counter_per_second) // asked before clock_initialize(): time has not begun
        return 0;
    if (!timer_port)
        return counter_microseconds(time_stamp_counter() - counter_start);
    count_timer_ticks();
    return timer_ticks * 1000000u / ACPI_TIMER_HERTZ;
}
