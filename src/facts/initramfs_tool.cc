// Which tool makes the initramfs of the running kernel.
#include <algorithm>
#include <array>

#include "base/format.h"
#include "base/text.h"
#include "facts/boot_loader.h"

namespace cleave {
namespace {

struct Tool {
  const char* name;
  const char* program;  // proves that it is installed
  const char* command;
  std::array<const char*, 3> marks;  // its hooks and settings; null: none
};

// mkinitramfs and not update-initramfs: dracut's package has a program of the latter's name, too.
constexpr std::array<Tool, 4> kTools = {{
    {.name = "initramfs-tools",
     .program = "mkinitramfs",
     .command = "update-initramfs -u",
     .marks = {"/etc/kernel/postinst.d/initramfs-tools", "/etc/initramfs-tools/initramfs.conf",
               nullptr}},
    {.name = "dracut",
     .program = "dracut",
     .command = "dracut -f",
     .marks = {"/etc/kernel/postinst.d/dracut", "/etc/dracut.conf", "/etc/dracut.conf.d"}},
    {.name = "mkinitcpio",
     .program = "mkinitcpio",
     .command = "mkinitcpio -P",
     .marks = {"/etc/mkinitcpio.d", "/etc/mkinitcpio.conf", nullptr}},
    {.name = "booster",
     .program = "booster",
     .command = "/usr/lib/booster/regenerate_images",
     .marks = {"/etc/booster.yaml", nullptr, nullptr}},
}};

bool is_there(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// The image in /boot. Names: Debian's initrd.img-R, Fedora's initramfs-R.img, openSUSE's initrd-R;
// Arch has names of its own, one per package of a kernel.
std::string image_of(const Facts& facts, const std::vector<std::string>& images) {
  const std::string release = facts.kernel.release.value_or("");
  if (!release.empty()) {
    for (const std::string& name : {"initrd.img-" + release, format("initramfs-{}.img", release),
                                    "initrd-" + release, format("initrd-{}.img", release)}) {
      if (is_there(images, name)) return "/boot/" + name;
    }
  }
  std::vector<std::string> others;
  for (const std::string& name : images) {
    const bool is_arch = (name.starts_with("initramfs-linux") || name.starts_with("booster-")) &&
                         name.ends_with(".img") && !name.contains("fallback");
    if (is_arch) others.push_back(name);
  }
  return others.size() == 1 ? "/boot/" + others.front() : "";
}

std::vector<BootEvidence> evidence_of(const Facts& facts, const Tool& tool) {
  std::vector<BootEvidence> evidence;
  if (facts.boot.has_tool(tool.program)) evidence.push_back({tool.program, "installed"});
  for (const char* mark : tool.marks) {
    if (mark == nullptr || !is_there(facts.boot.initramfs.marks, mark)) continue;
    evidence.push_back({mark, "there"});
  }
  return evidence;
}

bool has_hook(const Tool& tool, const std::vector<BootEvidence>& evidence) {
  return std::ranges::any_of(
      evidence, [&](const BootEvidence& seen) { return seen.source == tool.marks[0]; });
}

}  // namespace

InitramfsTool find_initramfs_tool(const Facts& facts) {
  InitramfsTool found;
  const auto& images = facts.boot.initramfs.images;
  if (images.is_known()) found.image = image_of(facts, *images.value());
  std::vector<const Tool*> installed;
  for (const Tool& tool : kTools) {
    if (facts.boot.has_tool(tool.program)) installed.push_back(&tool);
  }
  // What every kernel package calls decides between several.
  if (installed.size() > 1) {
    const auto with_hook = std::ranges::count_if(
        installed, [&](const Tool* tool) { return has_hook(*tool, evidence_of(facts, *tool)); });
    if (with_hook == 1) {
      std::erase_if(installed,
                    [&](const Tool* tool) { return !has_hook(*tool, evidence_of(facts, *tool)); });
    }
  }
  const bool alone = installed.size() == 1;
  for (const Tool* tool : installed) {
    for (BootEvidence& seen : evidence_of(facts, *tool)) found.evidence.push_back(std::move(seen));
  }
  if (!found.image.empty()) found.evidence.push_back({found.image, "there"});
  if (!alone) return found;
  found.name = installed.front()->name;
  found.command = installed.front()->command;
  found.confidence = found.image.empty() ? BootConfidence::Likely : BootConfidence::Known;
  return found;
}

}  // namespace cleave
