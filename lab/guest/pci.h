/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus through the ports 0xcf8 and 0xcfc, which every PC chipset has. */
#ifndef CLEAVE_GUEST_PCI_H
#define CLEAVE_GUEST_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_MAXIMUM_FUNCTIONS 128
#define PCI_CLASS_DISPLAY 0x03

struct pci_function {
    uint8_t bus;
    uint8_t device;
    uint8_t function;
    uint8_t class_code;
    uint8_t subclass;
    uint16_t vendor_id;
    uint16_t device_id;
};

struct pci_bus {
    size_t count;
    struct pci_function functions[PCI_MAXIMUM_FUNCTIONS];
};

/* Finds every function, behind bridges too. */
void pci_scan(struct pci_bus *found);

uint8_t pci_read_8(const struct pci_function *function, uint8_t offset);
uint16_t pci_read_16(const struct pci_function *function, uint8_t offset);
uint32_t pci_read_32(const struct pci_function *function, uint8_t offset);
void pci_write_8(const struct pci_function *function, uint8_t offset, uint8_t value);
void pci_write_16(const struct pci_function *function, uint8_t offset, uint16_t value);
void pci_write_32(const struct pci_function *function, uint8_t offset, uint32_t value);

/* Lets the function answer on its memory BARs and write to memory. A BAR that
 * the firmware left unassigned gets an address if the function is on bus 0. */
void pci_enable(const struct pci_function *function);

/* The address of a memory BAR, 0 if it has none. */
uint64_t pci_bar_address(const struct pci_function *function, unsigned number);

#endif
