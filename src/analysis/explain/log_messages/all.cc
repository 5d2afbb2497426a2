#include "analysis/explain/log_messages/message.h"

namespace cleave {

const std::vector<const LogMessage*>& kernel_messages() {
  static const std::vector<const LogMessage*> kAll = [] {
    std::vector<const LogMessage*> all;
    for (const std::span<const LogMessage> family :
         {boot_messages(), dmar_table_messages(), dmar_messages(), dmar_fault_messages(),
          amd_iommu_messages(), gvt_g_messages(), gpu_driver_messages(), gpu_messages(),
          gpu_vendor_messages(), vfio_messages(), kvm_messages()}) {
      for (const LogMessage& message : family) all.push_back(&message);
    }
    return all;
  }();
  return kAll;
}

}  // namespace cleave
