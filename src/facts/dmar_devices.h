// Which structures of a DMAR table concern a PCI device, as Linux decides it
// (drivers/iommu/intel/dmar.c, iommu.c).
#pragma once

#include <span>
#include <vector>

#include "facts/dmar.h"
#include "facts/pci.h"

namespace cleave {

// The bridges above a device from the root bus down, then the device itself: its path through the
// machine. A device on a root bus is a path of one. Devices behind Intel's VMD, whose addresses
// have a domain of their own, are seen as the VMD device; a virtual function is looked up by the
// path of its physical function.
using PciPath = std::span<const PciAddress>;

// Whether the scope names the device, or a bridge above it.
bool covers(const DeviceScope& scope, std::uint16_t segment, PciPath path);

// The unit that translates for the device: one that names it; otherwise the segment's
// INCLUDE_PCI_ALL unit, wherever it stands. Null: none does.
const DmarStructure* responsible_drhd(const DmarTable& table, PciPath path);

// The reserved memory that the device may always reach.
std::vector<const DmarStructure*> rmrrs_of(const DmarTable& table, PciPath path);

}  // namespace cleave
