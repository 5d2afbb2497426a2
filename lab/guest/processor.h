/* SPDX-License-Identifier: Apache-2.0 */
/* The machine instructions that C has no words for. */
#ifndef CLEAVE_GUEST_PROCESSOR_H
#define CLEAVE_GUEST_PROCESSOR_H

#include <stdint.h>

static inline void port_write_8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void port_write_16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void port_write_32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t port_read_8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t port_read_16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t port_read_32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t time_stamp_counter(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

static inline void model_specific_write(uint32_t index, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline void processor_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Device registers are reached through these, so that the compiler neither
 * merges nor splits an access. */
static inline uint8_t register_read_8(volatile void *base, uint32_t offset)
{
    return *(volatile uint8_t *)((volatile uint8_t *)base + offset);
}

static inline void register_write_8(volatile void *base, uint32_t offset, uint8_t value)
{
    *(volatile uint8_t *)((volatile uint8_t *)base + offset) = value;
}

static inline uint16_t register_read_16(volatile void *base, uint32_t offset)
{
    return *(volatile uint16_t *)((volatile uint8_t *)base + offset);
}

static inline void register_write_16(volatile void *base, uint32_t offset, uint16_t value)
{
    *(volatile uint16_t *)((volatile uint8_t *)base + offset) = value;
}

static inline uint32_t register_read_32(volatile void *base, uint32_t offset)
{
    return *(volatile uint32_t *)((volatile uint8_t *)base + offset);
}

static inline void register_write_32(volatile void *base, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile uint8_t *)base + offset) = value;
}

static inline uint64_t register_read_64(volatile void *base, uint32_t offset)
{
    return *(volatile uint64_t *)((volatile uint8_t *)base + offset);
}

static inline void register_write_64(volatile void *base, uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)((volatile uint8_t *)base + offset) = value;
}

#endif
