// Objects of KubeVirt (kubevirt.io/v1) in JSON, as kubectl takes them: the VirtualMachine, and what
// the cluster's KubeVirt has to permit for its devices.
#include <algorithm>

#include "base/format.h"
#include "base/json.h"
#include "base/text.h"
#include "exports/formats.h"
#include "exports/host_devices.h"

namespace cleave {
namespace {

Json state(bool on) { return Json::object({{"enabled", on}}); }

// RFC 1123: lower-case letters, digits and hyphens.
std::string kubernetes_name(std::string_view name) {
  std::string good = lower_case(name);
  for (char& letter : good) {
    if ((letter < 'a' || letter > 'z') && (letter < '0' || letter > '9')) letter = '-';
  }
  return good.substr(0, good.find_last_not_of('-') + 1);
}

// In front of a resource's name stands a domain; these are the ones that the vendors themselves
// use.
std::string resource_domain(std::uint16_t vendor) {
  constexpr std::uint16_t kIntel = 0x8086;
  constexpr std::uint16_t kNvidia = 0x10DE;
  constexpr std::uint16_t kAmd = 0x1002;
  return vendor == kIntel    ? "intel.com"
         : vendor == kNvidia ? "nvidia.com"
         : vendor == kAmd    ? "amd.com"
                             : "devices.kubevirt.io";
}

std::string type_domain(const std::string& type) {
  return type.starts_with("i915-")     ? "intel.com"
         : type.starts_with("nvidia-") ? "nvidia.com"
                                       : "devices.kubevirt.io";
}

class KubevirtObjects {
 public:
  KubevirtObjects(const Vm& vm, const ExportHost& host) : vm_(vm), host_(host) {}

  Exported write() {
    name_ = kubernetes_name(vm_.name);
    if (name_ != vm_.name) {
      lost({N_("The name {name}: Kubernetes writes it {other}."),
            {{"name", vm_.name}, {"other", name_}}});
    }
    const Json machine = virtual_machine();
    exported_.files.push_back({vm_.name + "-virtualmachine.json", to_text(machine, 2) + "\n"});
    if (!permitted_.is_null() || !mdev_types_.is_null()) {
      exported_.files.push_back({vm_.name + "-kubevirt.json", to_text(cluster(), 2) + "\n"});
    }
    return std::move(exported_);
  }

 private:
  void lost(Message message) { exported_.not_carried.push_back(std::move(message)); }

  Json virtual_machine() {
    Json domain = Json::object({{"machine", Json::object({{"type", vm_.machine}})},
                                {"cpu", cpu()},
                                {"memory", memory()},
                                {"features", features()},
                                {"clock", clock()},
                                {"firmware", firmware()},
                                {"devices", devices()}});
    Json spec = Json::object({{"domain", std::move(domain)}});
    if (!networks_.is_null()) spec.set("networks", networks_);
    if (!volumes_.is_null()) spec.set("volumes", volumes_);
    add_not_carried();
    return Json::object(
        {{"apiVersion", "kubevirt.io/v1"},
         {"kind", "VirtualMachine"},
         {"metadata", Json::object({{"name", name_}})},
         {"spec", Json::object({{"runStrategy", vm_.autostart == "no" ? "Halted" : "Always"},
                                {"template", Json::object({{"spec", std::move(spec)}})}})}});
  }

  // To be merged into the object that the cluster has: kubectl patch.
  Json cluster() {
    Json configuration;
    if (!permitted_.is_null()) configuration.set("permittedHostDevices", permitted_);
    if (!mdev_types_.is_null()) {
      configuration.set("mediatedDevicesConfiguration",
                        Json::object({{"mediatedDeviceTypes", mdev_types_}}));
    }
    return Json::object(
        {{"apiVersion", "kubevirt.io/v1"},
         {"kind", "KubeVirt"},
         {"metadata", Json::object({{"name", "kubevirt"}, {"namespace", "kubevirt"}})},
         {"spec", Json::object({{"configuration", std::move(configuration)}})}});
  }

  Json cpu() {
    const auto parts = split(vm_.cpu, ',');
    const std::string_view model = parts.front();
    Json json =
        Json::object({{"sockets", vm_.topology.sockets},
                      {"cores", vm_.topology.cores},
                      {"threads", vm_.topology.threads},
                      {"model", model == "host" ? "host-passthrough" : std::string(model)}});
    Json features;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const bool on = parts[i].ends_with("=on");
      const std::string_view name = parts[i].substr(0, parts[i].find('='));
      if ((!on && !parts[i].ends_with("=off")) || name.starts_with("hv")) {
        lost({N_("The processor's property {property}"), {{"property", parts[i]}}});
        continue;
      }
      features.push_back(Json::object({{"name", name}, {"policy", on ? "require" : "disable"}}));
    }
    if (!features.is_null()) json.set("features", std::move(features));
    if (!vm_.pin.empty()) {
      json.set("dedicatedCpuPlacement", true);
      lost({N_("Which of the host's processors the guest's run on: the node chooses whole ones.")});
    }
    return json;
  }

  Json memory() {
    Json json = Json::object({{"guest", format("{}Mi", vm_.memory_bytes >> 20U)}});
    // The usual size of x86; a node may have others.
    if (vm_.huge_pages) json.set("hugepages", Json::object({{"pageSize", "2Mi"}}));
    return json;
  }

  Json features() {
    Json json = Json::object({{"acpi", Json::object()}, {"apic", Json::object()}});
    if (vm_.firmware.secure_boot) json.set("smm", state(true));
    if (!vm_.hyperv) return json;
    Json hyperv = Json::object({{"spinlocks", Json::object({{"spinlocks", 8191}})},  // 0x1fff
                                {"synictimer", state(true)}});
    for (const char* name :
         {"relaxed", "vapic", "vpindex", "runtime", "synic", "frequencies", "tlbflush", "ipi"}) {
      hyperv.set(name, state(true));
    }
    json.set("hyperv", std::move(hyperv));
    return json;
  }

  Json clock() {
    Json timers;
    if (vm_.clock == "localtime") {
      timers.set("rtc", Json::object({{"tickPolicy", "catchup"}}));
      timers.set("pit", Json::object({{"tickPolicy", "delay"}}));
      lost(
          {N_("The clock in local time: a cluster has UTC. Name a time zone in clock.timezone, or "
              "let Windows take the clock for UTC.")});
    }
    if (vm_.hyperv) {
      timers.set("hpet", Json::object({{"present", false}}));
      timers.set("hyperv", Json::object({{"present", true}}));
    }
    Json json = Json::object({{"utc", Json::object()}});
    if (!timers.is_null()) json.set("timer", std::move(timers));
    return json;
  }

  Json firmware() {
    const Json loader =
        vm_.firmware.uefi
            ? Json::object({{"efi", Json::object({{"secureBoot", vm_.firmware.secure_boot},
                                                  {"persistent", true}})}})
            : Json::object({{"bios", Json::object({{"useSerial", vm_.serial}})}});
    if (vm_.firmware.uefi) {
      lost({N_("The firmware's variables: the cluster begins with new ones.")});
    }
    return Json::object({{"bootloader", loader}});
  }

  Json devices() {
    Json json = Json::object({{"autoattachGraphicsDevice", vm_.display != "none"},
                              {"autoattachSerialConsole", vm_.serial},
                              {"autoattachMemBalloon", vm_.balloon}});
    if (vm_.guest == "linux") json.set("rng", Json::object());
    if (vm_.firmware.tpm) json.set("tpm", Json::object({{"persistent", true}}));
    if (vm_.pointer == "tablet") {
      json.set(
          "inputs",
          Json::array({Json::object({{"type", "tablet"}, {"bus", "usb"}, {"name", "tablet"}})}));
    }
    if (vm_.sound) {
      json.set("sound", Json::object({{"name", "sound"}, {"model", "ich9"}}));
      lost({N_("How the sound is heard: a cluster has no loudspeakers.")});
    }
    disks(json);
    networks(json);
    host_devices(json);
    return json;
  }

  Json disk(const Vm::Disk& disk, const std::string& name, std::uint32_t order) {
    Json json = Json::object({{"name", name}, {"bootOrder", order}});
    if (disk.interface == "cdrom") {
      json.set("cdrom", Json::object({{"bus", "sata"}, {"readonly", true}}));
      return json;
    }
    std::string bus = disk.interface;
    if (bus == "nvme" || bus == "ide") {
      lost({N_("The disk {file} on {bus}: KubeVirt has SATA, which most guests know, too."),
            {{"file", disk.file}, {"bus", bus}}});
      bus = "sata";
    }
    json.set("disk", Json::object({{"bus", bus}, {"readonly", disk.read_only}}));
    const bool known =
        disk.cache == "none" || disk.cache == "writeback" || disk.cache == "writethrough";
    if (known) json.set("cache", disk.cache);
    if (!known && !disk.cache.empty()) {
      lost({N_("The cache {cache} of {file}"), {{"cache", disk.cache}, {"file", disk.file}}});
    }
    if (disk.aio == "native" || disk.aio == "threads") json.set("io", disk.aio);
    if (disk.iothread) json.set("dedicatedIOThread", true);
    if (!disk.serial.empty()) json.set("serial", disk.serial);
    return json;
  }

  void disks(Json& devices) {
    std::vector<std::uint32_t> order;
    for (const Vm::Disk& disk : vm_.disks) order.push_back(disk.boot_index);
    std::ranges::sort(order);
    Json list;
    for (std::size_t i = 0; i < vm_.disks.size(); ++i) {
      const Vm::Disk& each = vm_.disks[i];
      if (each.file.empty()) {
        lost({N_("The CD drive without a disc")});
        continue;
      }
      const auto place = std::ranges::find(order, each.boot_index) - order.begin();
      const std::string name = format("disk{}", i);
      const std::string claim = format("{}-{}", name_, name);
      list.push_back(disk(each, name, static_cast<std::uint32_t>(place) + 1));
      volumes_.push_back(Json::object(
          {{"name", name}, {"persistentVolumeClaim", Json::object({{"claimName", claim}})}}));
      lost({N_("The content of {file}: `virtctl image-upload pvc {claim} --size SIZE --image-path "
               "{file}` brings it into the cluster."),
            {{"file", each.file}, {"claim", claim}}});
    }
    if (!list.is_null()) devices.set("disks", std::move(list));
  }

  void networks(Json& devices) {
    Json interfaces;
    bool has_pod_network = false;
    for (std::size_t i = 0; i < vm_.networks.size(); ++i) {
      const Vm::Network& network = vm_.networks[i];
      const std::string name = format("net{}", i);
      const bool is_bridge = network.type == "bridge";
      if (!is_bridge && has_pod_network) {
        lost({N_("The network card {mac}: a pod has one network of this kind."),
              {{"mac", network.mac}}});
        continue;
      }
      Json card = Json::object({{"name", name},
                                {"model", network.model},
                                {"macAddress", network.mac},
                                {is_bridge ? "bridge" : "masquerade", Json::object()}});
      ports(network, card);
      interfaces.push_back(std::move(card));
      if (is_bridge) {
        lost({N_("The bridge {bridge}: the cluster needs a NetworkAttachmentDefinition of that "
                 "name."),
              {{"bridge", network.bridge}}});
        networks_.push_back(Json::object(
            {{"name", name},
             {"multus", Json::object({{"networkName", kubernetes_name(network.bridge)}})}}));
      } else {
        has_pod_network = true;
        networks_.push_back(Json::object({{"name", name}, {"pod", Json::object()}}));
      }
    }
    if (interfaces.is_null()) {
      devices.set("autoattachPodInterface", false);
      return;
    }
    devices.set("interfaces", std::move(interfaces));
  }

  void ports(const Vm::Network& network, Json& card) {
    Json ports;
    for (const Vm::Network::Forward& forward : network.forwards) {
      ports.push_back(Json::object(
          {{"port", forward.guest_port}, {"protocol", forward.protocol == "udp" ? "UDP" : "TCP"}}));
    }
    if (ports.is_null()) return;
    card.set("ports", std::move(ports));
    lost({N_("The host's ports that lead into the guest: a Service makes them reachable.")});
  }

  void host_devices(Json& devices) {
    Json gpus;
    Json others;
    std::size_t number = 0;
    for (const PassedDevice& device : passed_devices(host_)) {
      const std::string name = format("device{}", number++);
      const std::string resource = device.pci ? permit_pci(*device.pci) : permit_vgpu();
      if (resource.empty()) continue;
      Json json = Json::object({{"name", name}, {"deviceName", resource}});
      if (device.pci) {
        (device.is_gpu ? gpus : others).push_back(std::move(json));
        continue;
      }
      const Json display = Json::object(
          {{"enabled", device.is_on("display")}, {"ramFB", state(device.is_on("ramfb"))}});
      json.set("virtualGPUOptions", Json::object({{"display", display}}));
      gpus.push_back(std::move(json));
    }
    for (const Vm::Device& device : vm_.devices) {
      if (!device.pci.empty()) continue;
      const std::string resource = permit_usb(device);
      if (resource.empty()) continue;
      others.push_back(
          Json::object({{"name", format("device{}", number++)}, {"deviceName", resource}}));
    }
    if (!gpus.is_null()) devices.set("gpus", std::move(gpus));
    if (!others.is_null()) devices.set("hostDevices", std::move(others));
  }

  void permit(const char* kind, Json device) {
    const Json* list = permitted_.find(kind);
    Json all = list == nullptr ? Json::array() : *list;
    const auto* items = all.as_array();
    if (std::ranges::find(*items, device) == items->end()) all.push_back(std::move(device));
    permitted_.set(kind, std::move(all));
  }

  // Which of many alike a VM gets the node decides.
  std::string permit_pci(const PciAddress& address) {
    const std::string text = to_text(address);
    const auto ids = std::ranges::find(host_.pci_ids, text, &ExportHost::PciIds::address);
    if (ids == host_.pci_ids.end()) {
      lost({N_("The device {device}: its ids, by which a cluster knows it, are not known here."),
            {{"device", text}}});
      return {};
    }
    std::string resource =
        format("{}/{:04x}-{:04x}", resource_domain(ids->vendor), ids->vendor, ids->device);
    permit("pciHostDevices",
           Json::object({{"pciVendorSelector", format("{:04X}:{:04X}", ids->vendor, ids->device)},
                         {"resourceName", resource}}));
    return resource;
  }

  std::string permit_vgpu() {
    const ExportHost::Vgpu& vgpu = host_.vgpu;
    if (vgpu.type_id.empty()) {
      lost({N_("The vGPU: its type is not known here.")});
      return {};
    }
    std::string resource = format("{}/{}", type_domain(vgpu.type_id), vgpu.type_id);
    // As virt-handler reads mdev_type/name, else the type's own name.
    const std::string selector =
        replace_all(vgpu.type_name.empty() ? vgpu.type_id : vgpu.type_name, " ", "_");
    permit("mediatedDevices",
           Json::object({{"mdevNameSelector", selector}, {"resourceName", resource}}));
    mdev_types_ = Json::array({vgpu.type_id});
    return resource;
  }

  std::string permit_usb(const Vm::Device& device) {
    if (!device.usb_ids) {
      lost({N_("The device at the USB port {port}: a cluster knows devices by their ids."),
            {{"port", device.usb_port}}});
      return {};
    }
    const std::string vendor = format("{:04x}", device.usb_ids->vendor);
    const std::string product = format("{:04x}", device.usb_ids->product);
    std::string resource = format("devices.kubevirt.io/usb-{}-{}", vendor, product);
    const Json selector = Json::object({{"vendor", vendor}, {"product", product}});
    permit("usb",
           Json::object({{"resourceName", resource}, {"selectors", Json::array({selector})}}));
    return resource;
  }

  void add_not_carried() {
    const auto lost_if = [this](bool is, Message message) {
      if (is) lost(std::move(message));
    };
    lost_if(vm_.machine == "pc", {N_("The machine pc is only started by a cluster whose "
                                     "configuration allows it (emulatedMachines).")});
    lost_if(vm_.accelerator != "kvm",
            {N_("Emulation without KVM: a cluster's developers can switch "
                "it on (useEmulation).")});
    lost_if(!vm_.kernel.empty(), {N_("The kernel {file}: KubeVirt takes kernels from container "
                                     "images alone (kernelBoot)."),
                                  {{"file", vm_.kernel}}});
    lost_if(vm_.gpu && vm_.gpu->way == "virtio-gpu",
            {N_("Drawing with the host's GPU (virtio-gpu): KubeVirt has an emulated card.")});
    for (const Vm::Share& share : vm_.shares) {
      lost({N_("The directory {path}: the guest can share a volume of the cluster in its place."),
            {{"path", share.path}}});
    }
    lost_if(vm_.clipboard, {N_("The shared clipboard")});
    lost_if(vm_.looking_glass_bytes > 0, {N_("The memory for Looking Glass")});
    lost_if(!vm_.extra_arguments.empty(), {N_("Your own arguments for QEMU")});
    lost_if(!vm_.on_suspend.empty(),
            {N_("What becomes of the VM when the host sleeps (on_suspend)")});
    const bool rom = (vm_.gpu && !vm_.gpu->rom.empty()) ||
                     std::ranges::any_of(
                         vm_.devices, [](const Vm::Device& device) { return !device.rom.empty(); });
    lost_if(rom, {N_("The ROM in place of the device's own")});
  }

  const Vm& vm_;
  const ExportHost& host_;
  std::string name_;
  Json networks_;
  Json volumes_;
  Json permitted_;
  Json mdev_types_;
  Exported exported_;
};

Exported write(const Vm& vm, const ExportHost& host) { return KubevirtObjects(vm, host).write(); }

}  // namespace

ExportFormat kubevirt_format() {
  return {.id = "kubevirt",
          .summary = N_("KubeVirt's VirtualMachine, and what the cluster has to permit"),
          .write = write};
}

}  // namespace cleave
