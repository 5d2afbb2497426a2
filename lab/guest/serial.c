// SPDX-License-Identifier: Apache-2.0

#include "serial.h"

#include "clock.h"
#include "processor.h"

#include <stdint.h>

// PC16550D data sheet, table "Register addresses"; COM1's place is the PC's.
#define COM1 0x3f8
#define DATA (COM1 + 0)
#define DIVISOR_LOW (COM1 + 0)
#define INTERRUPT_ENABLE (COM1 + 1)
#define DIVISOR_HIGH (COM1 + 1)
#define FIFO_CONTROL (COM1 + 2)
#define LINE_CONTROL (COM1 + 3)
#define MODEM_CONTROL (COM1 + 4)
#define LINE_STATUS (COM1 + 5)
#define SCRATCH (COM1 + 7)

#define LINE_CONTROL_DIVISOR_ACCESS 0x80
#define LINE_CONTROL_8_BITS_NO_PARITY 0x03
#define FIFO_ENABLE_AND_CLEAR 0x07
#define MODEM_READY 0x03 // DTR and RTS
#define STATUS_DATA_READY 0x01
#define STATUS_TRANSMIT_EMPTY 0x20
#define DIVISOR_115200 1

// A character takes 87 us at 115200 bit/s. A reader that does not read must cost
// the drawing no more than this, once per report.
#define LONGEST_WAIT_MICROSECONDS 5000u

#define COMMAND_CAPACITY 32
#define MOST_CHARACTERS_PER_CALL 256

static bool present;
static bool line_was_cut;
static char received[COMMAND_CAPACITY];
static size_t received_length;

void serial_initialize(void)
{
    port_write_8(SCRATCH, 0x5a);
    present = port_read_8(SCRATCH) == 0x5a;
    if (!present)
        return;
    port_write_8(INTERRUPT_ENABLE, 0);
    port_write_8(LINE_CONTROL, LINE_CONTROL_DIVISOR_ACCESS);
    port_write_8(DIVISOR_LOW, DIVISOR_115200);
    port_write_8(DIVISOR_HIGH, 0);
    port_write_8(LINE_CONTROL, LINE_CONTROL_8_BITS_NO_PARITY);
    port_write_8(FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    port_write_8(MODEM_CONTROL, MODEM_READY);
}

static bool wait_until_writable(void)
{
    if (port_read_8(LINE_STATUS) & STATUS_TRANSMIT_EMPTY)
        return true;
    uint64_t end = clock_microseconds() + LONGEST_WAIT_MICROSECONDS;
    while (clock_microseconds() < end) {
        if (port_read_8(LINE_STATUS) & STATUS_TRANSMIT_EMPTY)
            return true;
        processor_pause();
    }
    return false;
}

static bool write_character(char character)
{
    if (!wait_until_writable())
        return false;
    port_write_8(DATA, (uint8_t)character);
    return true;
}

void serial_write(const char *text, size_t length)
{
    if (!present)
        return;
    // Ends a line that was dropped half way: the next one must be parseable.
    if (line_was_cut && !write_character('\n'))
        return;
    line_was_cut = false;
    for (size_t i = 0; i < length; ++i) {
        if (!write_character(text[i])) {
            line_was_cut = true;
            return;
        }
    }
}

static bool received_equals(const char *command)
{
    size_t i = 0;
    while (i < received_length && command[i] == received[i])
        ++i;
    return i == received_length && command[i] == '\0';
}

bool serial_received_line(const char *command)
{
    // A limit per call, so that a flood cannot stop the drawing.
    for (int i = 0; present && i < MOST_CHARACTERS_PER_CALL; ++i) {
        if (!(port_read_8(LINE_STATUS) & STATUS_DATA_READY))
            return false;
        char character = (char)port_read_8(DATA);
        if (character == '\n' || character == '\r') {
            bool matches = received_equals(command);
            received_length = 0;
            if (matches)
                return true;
        } else if (received_length < COMMAND_CAPACITY) {
            received[received_length++] = character;
        }
    }
    return false;
}
