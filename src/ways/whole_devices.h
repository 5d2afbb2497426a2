// What ways want whose devices are PCI devices of their own: the IOMMU, vfio-pci, rights. Pure.
#pragma once

#include "base/result.h"
#include "facts/facts.h"
#include "plan/preparation.h"

namespace cleave {

// intel_iommu=on where the GPU is in no IOMMU group without it; nothing where the kernel has the
// IOMMU on by itself. Unsupported where an argument of a person keeps the GPU out of it, which is
// explained and never taken away, and where no argument would help.
Result<Preparation> iommu_for(const Facts& facts, const PciDevice& gpu);

// The module vfio-pci, where it is not built into the kernel, and the rights on what is bound to
// it.
Preparation vfio_pci_for(const Facts& facts);

// vfio_rights() for devices of the PCI bus.
Preparation pci_rights(const Facts& facts);

}  // namespace cleave
