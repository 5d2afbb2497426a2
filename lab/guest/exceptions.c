// SPDX-License-Identifier: Apache-2.0

#include "exceptions.h"

#include "clock.h"
#include "power.h"
#include "report.h"
#include "serial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCEPTION_VECTORS 32
#define EXCEPTION_ENTRY_SIZE 16 // boot.S
#define CODE_SEGMENT 0x08
#define TASK_STATE_SEGMENT 0x18
#define REPORT_INTERVAL_MICROSECONDS 1000000u

// Intel SDM vol. 3: gates in section 6.14.1, the 64-bit task state in 7.7, its
// descriptor in 7.2.3.
#define GATE_PRESENT_INTERRUPT 0x8e
#define TASK_STATE_DESCRIPTOR 0x89ul
#define EXCEPTION_STACK_NUMBER 1

struct gate {
    uint16_t offset_low;
    uint16_t segment;
    uint8_t stack_number;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

struct task_state {
    uint32_t reserved_0;
    uint64_t privilege_stacks[3];
    uint64_t reserved_1;
    uint64_t interrupt_stacks[7];
    uint64_t reserved_2;
    uint16_t reserved_3;
    uint16_t port_map_offset;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct exception_frame {
    uint64_t vector;
    uint64_t error_code;
    uint64_t instruction;
    uint64_t code_segment;
    uint64_t flags;
    uint64_t stack;
    uint64_t stack_segment;
};

extern const uint8_t exception_entries[];
extern uint64_t segment_table[];

void exception_taken(const struct exception_frame *frame) __attribute__((noreturn));

static struct gate gates[EXCEPTION_VECTORS] __attribute__((aligned(16)));
static struct task_state task_state;
// A stack of its own, so that even running out of stack gets reported.
static uint8_t exception_stack[8192] __attribute__((aligned(16)));

static void describe_task_state(void)
{
    uint64_t base = (uint64_t)&task_state;
    uint64_t limit = sizeof(task_state) - 1;
    task_state.interrupt_stacks[EXCEPTION_STACK_NUMBER - 1] =
        (uint64_t)(exception_stack + sizeof(exception_stack));
    task_state.port_map_offset = sizeof(task_state);
    uint64_t *descriptor = &segment_table[TASK_STATE_SEGMENT / 8];
    descriptor[0] = limit | ((base & 0xffffff) << 16) | (TASK_STATE_DESCRIPTOR << 40) |
                    (((base >> 24) & 0xff) << 56);
    descriptor[1] = base >> 32;
}

static struct gate gate_to(uint64_t handler)
{
    return (struct gate){
        .offset_low = (uint16_t)handler,
        .segment = CODE_SEGMENT,
        .stack_number = EXCEPTION_STACK_NUMBER,
        .type = GATE_PRESENT_INTERRUPT,
        .offset_middle = (uint16_t)(handler >> 16),
        .offset_high = (uint32_t)(handler >> 32),
    };
}

void exceptions_initialize(void)
{
    describe_task_state();
    for (size_t i = 0; i < EXCEPTION_VECTORS; ++i)
        gates[i] = gate_to((uint64_t)exception_entries + i * EXCEPTION_ENTRY_SIZE);
    struct table_pointer pointer = {.limit = sizeof(gates) - 1, .base = (uint64_t)gates};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
    __asm__ volatile("ltr %w0" : : "r"(TASK_STATE_SEGMENT));
}

static uint64_t faulting_address(void)
{
    uint64_t address;
    __asm__ volatile("movq %%cr2, %0" : "=r"(address));
    return address;
}

void exception_taken(const struct exception_frame *frame)
{
    static bool already_reporting;
    if (already_reporting) // the report itself faulted: nothing is left to try
        for (;;)
            __asm__ volatile("cli; hlt");
    already_reporting = true;

    struct fault fault = {
        .vector = (uint32_t)frame->vector,
        .error_code = frame->error_code,
        .instruction = frame->instruction,
        .address = faulting_address(),
    };
    char line[REPORT_LINE_CAPACITY];
    size_t length = report_format_fault(line, sizeof(line), &fault);
    for (;;) {
        serial_write(line, length);
        uint64_t end = clock_microseconds() + REPORT_INTERVAL_MICROSECONDS;
        while (clock_microseconds() < end)
            power_obey_requests();
    }
}
