// SPDX-License-Identifier: Apache-2.0

#include "power.h"

#include "processor.h"
#include "serial.h"

#include <stdbool.h>

// The power management block and where the two chipsets QEMU has keep its
// address: Intel ICH9 data sheet (316972), 13.1.13 and 13.1.14; Intel 82371AB
// (PIIX4) data sheet, 7.1.10 and 7.1.25.
#define ICH9_LPC 0x2918
#define PIIX4_POWER 0x7113
#define VENDOR_INTEL 0x8086
#define POWER_BASE 0x40
#define POWER_BASE_MASK 0xff80u
#define ICH9_ACPI_CONTROL 0x44
#define ICH9_ACPI_ENABLE 0x80
#define PIIX4_MISCELLANEOUS 0x80
#define PIIX4_IO_ENABLE 0x01
#define FIRMWARE_USUAL_BASE 0x600 // what SeaBIOS chooses, for when none did

// ACPI 6.5, section 4.8.3: the fixed registers, at Intel's offsets.
#define PM1_STATUS 0
#define PM1_ENABLE 2
#define PM1_CONTROL 4
#define PM_TIMER 8
#define POWER_BUTTON 0x0100
#define SLEEP_ENABLE 0x2000
#define SLEEP_TYPE 0x1c00
// The type that means "off" stands in the DSDT (\_S5); it is 0 on QEMU's q35 and
// pc machines (hw/acpi/core.c, acpi_pm1_cnt_write).
#define SLEEP_TYPE_OFF 0x0000

static uint16_t base;

static uint16_t enable_block(const struct pci_function *chipset, uint8_t enable_register,
                             uint8_t enable_bit)
{
    uint16_t found = (uint16_t)(pci_read_32(chipset, POWER_BASE) & POWER_BASE_MASK);
    if (found == 0) {
        found = FIRMWARE_USUAL_BASE;
        pci_write_32(chipset, POWER_BASE, found | 1u);
    }
    pci_write_8(chipset, enable_register, pci_read_8(chipset, enable_register) | enable_bit);
    return found;
}

void power_initialize(const struct pci_bus *bus)
{
    for (size_t i = 0; i < bus->count && base == 0; ++i) {
        const struct pci_function *function = &bus->functions[i];
        if (function->vendor_id != VENDOR_INTEL)
            continue;
        if (function->device_id == ICH9_LPC)
            base = enable_block(function, ICH9_ACPI_CONTROL, ICH9_ACPI_ENABLE);
        else if (function->device_id == PIIX4_POWER)
            base = enable_block(function, PIIX4_MISCELLANEOUS, PIIX4_IO_ENABLE);
    }
    if (base == 0)
        return;
    // QEMU sets the status bit only while the button is enabled. Interrupts are
    // never taken here, so the resulting SCI has no effect.
    port_write_16(base + PM1_STATUS, POWER_BUTTON);
    port_write_16(base + PM1_ENABLE, POWER_BUTTON);
}

uint16_t power_timer_port(void)
{
    return base ? (uint16_t)(base + PM_TIMER) : 0;
}

static void switch_off(void)
{
    if (base == 0)
        return;
    uint16_t control = port_read_16(base + PM1_CONTROL) & (uint16_t)~(SLEEP_TYPE | SLEEP_ENABLE);
    port_write_16(base + PM1_CONTROL, control | SLEEP_TYPE_OFF | SLEEP_ENABLE);
}

static bool power_button_pressed(void)
{
    return base && (port_read_16(base + PM1_STATUS) & POWER_BUTTON);
}

void power_obey_requests(void)
{
    if (serial_received_line("quit") || power_button_pressed())
        switch_off();
}
