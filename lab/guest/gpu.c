// SPDX-License-Identifier: Apache-2.0

#include "gpu.h"

#include <stddef.h>

#define SUBCLASS_VGA 0x00

// In order of preference.
static const struct gpu_driver *const drivers[] = {&gpu_gvt_g, &gpu_mdpy, &gpu_bochs};

// mbochs shows the ids of QEMU's own card, but as "other display"; a VGA with
// the same ids is the one QEMU adds by itself.
static bool find_with(const struct gpu_driver *driver, const struct pci_bus *bus, bool vga,
                      struct gpu *found)
{
    for (size_t i = 0; i < bus->count; ++i) {
        const struct pci_function *function = &bus->functions[i];
        if (function->class_code != PCI_CLASS_DISPLAY ||
            (function->subclass == SUBCLASS_VGA) != vga || !driver->recognizes(function))
            continue;
        *found = (struct gpu){.driver = driver, .function = function};
        return true;
    }
    return false;
}

bool gpu_find(const struct pci_bus *bus, struct gpu *found)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); ++i)
        if (find_with(drivers[i], bus, false, found) || find_with(drivers[i], bus, true, found))
            return true;
    return false;
}
