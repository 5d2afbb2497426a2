#include "facts/boot_loader.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/boot_menu.h"

namespace cleave {
namespace {

using Entries = std::vector<BootEntry>;

template <typename T>
bool is_true(const Fact<T>& fact) {
  const T* value = fact.value();
  return value != nullptr && *value;
}

// As the loaders write their own names.
const char* written_name(LoaderKind kind) {
  switch (kind) {
    case LoaderKind::Grub:
      return "GRUB";
    case LoaderKind::Refind:
      return "rEFInd";
    case LoaderKind::Limine:
      return "Limine";
    default:
      return loader_name(kind);
  }
}

class Finder {
 public:
  explicit Finder(const Facts& facts) : facts_(facts), boot_(facts.boot) {
    if (const KernelCommandLine* line = facts.kernel.command_line.value()) {
      running_ = line;
      image_ = line->last_value("BOOT_IMAGE");
    }
  }

  BootLoader find() {
    if (is_true(facts_.platform.container)) {
      // The files here are not those that the machine was booted with.
      evidence(facts_.platform.container.source(), "a container");
      return std::move(result_);
    }
    find_loader();
    find_writer();
    describe_writer();
    if (running_ != nullptr) {
      compare_menu();
      compare_settings();
    }
    confirm();
    return std::move(result_);
  }

 private:
  void evidence(const std::string& source, std::string text) {
    result_.evidence.push_back({source, std::move(text)});
  }

  template <typename T>
  void note_unread(const Fact<T>& fact) {
    if (const Unreadable* unread = fact.unreadable()) {
      result_.unread.push_back({unread->path, unread->why});
    }
  }

  void set(LoaderKind kind, BootConfidence confidence, std::string name = "") {
    result_.kind = kind;
    result_.confidence = confidence;
    result_.name = name.empty() ? written_name(kind) : std::move(name);
  }

  // --- which loader ---------------------------------------------------------------------------

  void find_loader() {
    if (named_itself()) return;
    note_unread(boot_.loader);
    if (image_) return grub_by_image();
    if (boot_.stub.is_known()) {
      set(LoaderKind::UnifiedImage, BootConfidence::Known, *boot_.stub.value());
      return evidence(boot_.stub.source(), *boot_.stub.value());
    }
    by_files();
  }

  // LoaderInfo is written anew at every boot. But a loader can start another one that does not
  // write it: then the command line has GRUB's mark.
  bool named_itself() {
    const std::string* name = boot_.loader.value();
    if (name == nullptr || name->empty()) return false;
    const std::string lower = lower_case(*name);
    LoaderKind kind = LoaderKind::Other;
    if (lower.starts_with("systemd-boot")) kind = LoaderKind::SystemdBoot;
    if (lower.starts_with("grub")) kind = LoaderKind::Grub;
    if (lower.starts_with("refind")) kind = LoaderKind::Refind;
    if (lower.starts_with("limine")) kind = LoaderKind::Limine;
    if (kind != LoaderKind::Grub && image_) {
      evidence(facts_.kernel.command_line.source(), "BOOT_IMAGE=" + *image_);
      evidence(boot_.loader.source(), *name);
      set(LoaderKind::Grub, BootConfidence::Likely);
      return true;
    }
    set(kind, BootConfidence::Known, *name);
    evidence(boot_.loader.source(), *name);
    if (boot_.entry_selected.is_known()) {
      evidence(boot_.entry_selected.source(), *boot_.entry_selected.value());
    }
    return true;
  }

  // GRUB gives the kernel's path as BOOT_IMAGE= (grub-core/loader/i386/linux.c). SYSLINUX and PXE
  // loaders do so, too, but not with GRUB's names of devices.
  void grub_by_image() {
    set(LoaderKind::Grub,
        image_->starts_with('(') ? BootConfidence::Known : BootConfidence::Likely);
    evidence(facts_.kernel.command_line.source(), "BOOT_IMAGE=" + *image_);
  }

  // Nothing names the loader. Without BOOT_IMAGE= it was not GRUB, if the command line is known.
  void by_files() {
    struct Candidate {
      LoaderKind kind;
      std::string source;
    };
    std::vector<Candidate> candidates;
    const auto add = [&](LoaderKind kind, const auto& fact) {
      note_unread(fact);
      if (fact.is_known() && (candidates.empty() || candidates.back().kind != kind)) {
        candidates.push_back({kind, fact.source()});
      }
    };
    add(LoaderKind::Refind, boot_.refind_linux);
    add(LoaderKind::Refind, boot_.refind_stanzas);
    add(LoaderKind::Limine, boot_.limine_config);
    add(LoaderKind::Limine, boot_.limine_defaults);
    // systemd-boot always writes LoaderInfo: without it, and with the variables to be seen, it was
    // not there.
    if (boot_.loader.unreadable() != nullptr) {
      for (const LoaderPlace& place : boot_.places) add(LoaderKind::SystemdBoot, place.config);
    }
    if (running_ == nullptr) {
      add(LoaderKind::Grub, boot_.grub_config);
      add(LoaderKind::Grub, boot_.grub_settings);
    }
    for (const Candidate& candidate : candidates) evidence(candidate.source, "there");
    if (candidates.size() == 1) set(candidates.front().kind, BootConfidence::Likely);
  }

  // --- who writes -----------------------------------------------------------------------------

  void find_writer() {
    result_.writer = system_writer();
    if (result_.writer != BootWriter::Unknown) return;
    // GRUB and rEFInd can start a unified image, which then has its own arguments.
    const bool image = boot_.stub.is_known() && running_ != nullptr && !image_;
    if (image && (result_.kind == LoaderKind::Grub || result_.kind == LoaderKind::Refind)) {
      evidence(boot_.stub.source(), *boot_.stub.value());
      result_.writer = BootWriter::UnifiedImage;
      return;
    }
    switch (result_.kind) {
      case LoaderKind::Grub:
        result_.writer = grub_writer();
        break;
      case LoaderKind::SystemdBoot:
        result_.writer = systemd_boot_writer();
        break;
      case LoaderKind::Refind:
        result_.writer = BootWriter::Refind;
        break;
      case LoaderKind::Limine:
        result_.writer = boot_.limine_defaults.is_known() || boot_.has_tool("limine-entry-tool") ||
                                 boot_.has_tool("limine-mkinitcpio")
                             ? BootWriter::LimineEntryTool
                             : BootWriter::LimineByHand;
        break;
      case LoaderKind::UnifiedImage:
        result_.writer = BootWriter::UnifiedImage;
        break;
      case LoaderKind::Unknown:
      case LoaderKind::Other:
        break;
    }
  }

  // Systems that look after their boot files themselves, whichever loader reads them.
  BootWriter system_writer() {
    if (is_true(boot_.ostree)) {
      evidence(boot_.ostree.source(), "there");
      return BootWriter::RpmOstree;
    }
    if (is_true(boot_.nixos)) {
      evidence(boot_.nixos.source(), "there");
      return BootWriter::Nixos;
    }
    if (facts_.platform.image_based == "snap-core") return BootWriter::SnapCore;
    // With GRUB it copies kernels only; the arguments are GRUB's (proxmox-boot-tool(8)).
    if (is_true(boot_.proxmox_boot_tool) && result_.kind == LoaderKind::SystemdBoot) {
      evidence(boot_.proxmox_boot_tool.source(), "there");
      return BootWriter::ProxmoxBootTool;
    }
    const bool entries = result_.kind == LoaderKind::SystemdBoot ||
                         boot_.sysconfig_type.value_or("").ends_with("-bls");
    if (boot_.has_tool("sdbootutil") && entries) {
      evidence("sdbootutil", "installed");
      return BootWriter::Sdbootutil;
    }
    return BootWriter::Unknown;
  }

  [[nodiscard]] bool has_loader_entries() const {
    return std::ranges::any_of(
        boot_.places, [](const LoaderPlace& place) { return !place.entries.value_or({}).empty(); });
  }

  BootWriter grub_writer() {
    const GrubConfig* config = boot_.grub_config.value();
    const GrubSettings* settings = boot_.grub_settings.value();
    const bool wanted =
        settings != nullptr && settings->merged.value_of("GRUB_ENABLE_BLSCFG") == "true";
    const bool used = config != nullptr ? config->loader_entries : wanted;
    const bool closed = std::ranges::any_of(boot_.places, [](const LoaderPlace& place) {
      return place.entries.unreadable() != nullptr;
    });
    if (used && closed) {
      for (const LoaderPlace& place : boot_.places) note_unread(place.entries);
    }
    if (used && (closed || has_loader_entries())) {
      note_unread(boot_.grub_config);
      if (config != nullptr) evidence(boot_.grub_config.source(), "blscfg");
      if (config == nullptr) evidence(boot_.grub_settings.source(), "GRUB_ENABLE_BLSCFG=true");
      return boot_.has_tool("grubby") ? BootWriter::Grubby : BootWriter::GrubEntries;
    }
    if (settings != nullptr) {
      evidence(boot_.grub_settings.source(), "there");
      return is_true(boot_.grub_drop_ins) ? BootWriter::GrubDropIn : BootWriter::GrubSettings;
    }
    if (boot_.grub_settings.is_absent() && config != nullptr) {
      evidence(boot_.grub_config.source(), config->generated ? "generated" : "written by hand");
      return BootWriter::GrubByHand;
    }
    note_unread(boot_.grub_settings);
    note_unread(boot_.grub_config);
    return BootWriter::Unknown;
  }

  BootWriter systemd_boot_writer() {
    if (boot_.kernelstub.is_known() || boot_.has_tool("kernelstub")) {
      evidence(boot_.kernelstub.source(), boot_.kernelstub.is_known() ? "there" : "installed");
      return BootWriter::Kernelstub;
    }
    const std::string selected = lower_case(boot_.entry_selected.value_or(""));
    if (selected.ends_with(".efi") || boot_.stub.is_known()) return BootWriter::UnifiedImage;
    const Entries candidates = running_entries();
    if (candidates.empty()) {
      for (const LoaderPlace& place : boot_.places) note_unread(place.entries);
      return BootWriter::Unknown;
    }
    const BootEntry& entry = candidates.front();
    // kernel-install says so in the entry (since systemd 240), and names it TOKEN-RELEASE.
    const bool says_so = entry.made_by.contains("/kernel/install.d/");
    const std::string release = facts_.kernel.release.value_or("");
    const bool named_so = !release.empty() && entry.id.ends_with("-" + release) &&
                          entry.kernel.contains("/" + release + "/");
    if (!says_so && !named_so) return BootWriter::LoaderEntries;
    evidence(entry.source, says_so ? entry.made_by : entry.kernel);
    return BootWriter::KernelInstall;
  }

  // --- where a change belongs -----------------------------------------------------------------

  void add_file(const std::string& path) {
    if (std::ranges::find(result_.files, path) == result_.files.end()) {
      result_.files.push_back(path);
    }
  }

  void add_entry_directories() {
    for (const LoaderPlace& place : boot_.places) {
      if (!place.entries.value_or({}).empty()) add_file(place.entries.source());
    }
    if (result_.files.empty()) add_file("/boot/loader/entries");  // closed
  }

  // Those of GRUB's files that say something about the arguments.
  void add_grub_settings() {
    const GrubSettings* settings = boot_.grub_settings.value();
    if (settings == nullptr) return;
    std::optional<std::string> line;
    std::optional<std::string> line_default;
    for (const GrubSettings::File& file : settings->files) {
      if (file.command_line != line || file.command_line_default != line_default) {
        add_file(file.path);
      }
      line = file.command_line;
      line_default = file.command_line_default;
    }
    if (result_.files.empty()) add_file(settings->files.front().path);
  }

  void describe_grub_settings() {
    add_grub_settings();
    const char* mkconfig = boot_.has_tool("grub2-mkconfig") ? "grub2-mkconfig" : "grub-mkconfig";
    result_.command = boot_.has_tool("update-grub")
                          ? "update-grub"
                          : format("{} -o {}", mkconfig, boot_.grub_config.source());
  }

  void add_kernel_command_line() {
    add_file(boot_.kernel_command_line.is_known() ? boot_.kernel_command_line.source()
                                                  : "/etc/kernel/cmdline");
  }

  void describe_writer() {
    switch (result_.writer) {
      case BootWriter::GrubDropIn:
      case BootWriter::GrubSettings:
        return describe_grub_settings();
      case BootWriter::GrubByHand:
        return add_file(boot_.grub_config.source());
      case BootWriter::Grubby:
        add_entry_directories();
        if (boot_.kernel_command_line.is_known()) add_kernel_command_line();
        result_.command = "grubby --update-kernel=ALL";
        return;
      case BootWriter::GrubEntries:
      case BootWriter::LoaderEntries:
        return add_entry_directories();
      case BootWriter::KernelInstall:
        add_kernel_command_line();
        result_.command = "kernel-install add-all";
        return;
      case BootWriter::UnifiedImage:
        return add_kernel_command_line();
      case BootWriter::Kernelstub:
        add_file("/etc/kernelstub/configuration");
        result_.command = "kernelstub";
        return;
      case BootWriter::RpmOstree:
        add_entry_directories();
        result_.command = "rpm-ostree kargs";
        return;
      case BootWriter::ProxmoxBootTool:
        add_kernel_command_line();
        result_.command = "proxmox-boot-tool refresh";
        return;
      case BootWriter::Sdbootutil:
        add_kernel_command_line();
        result_.command = "sdbootutil update-all-entries";
        return;
      case BootWriter::LimineEntryTool:
        add_file("/etc/default/limine");
        result_.command =
            boot_.has_tool("limine-mkinitcpio") ? "limine-mkinitcpio" : "limine-update";
        return;
      case BootWriter::LimineByHand:
        return add_file(boot_.limine_config.source());
      case BootWriter::Refind:
        if (boot_.refind_linux.is_known()) add_file(boot_.refind_linux.source());
        if (!boot_.refind_stanzas.value_or({}).empty()) add_file(boot_.refind_stanzas.source());
        return;
      case BootWriter::Nixos:
        add_file("/etc/nixos/configuration.nix");
        result_.command = "nixos-rebuild boot";
        return;
      case BootWriter::SnapCore:
        result_.command = "snap set system system.kernel.cmdline-append";
        return;
      case BootWriter::Unknown:
        return;
    }
  }

  // --- comparing ------------------------------------------------------------------------------

  [[nodiscard]] Entries running_entries() const {
    return entries_of_running(facts_, result_.kind,
                              menu_entries(facts_, result_.kind, result_.writer));
  }

  // The arguments without words that stand for variables.
  static std::string known_words(const BootEntry& entry) {
    if (entry.open.empty()) return entry.arguments;
    std::string text;
    for (const std::string_view word : split(entry.arguments, ' ')) {
      if (word.contains('$')) continue;
      text.append(word).append(" ");
    }
    return text;
  }

  // A variable that is set nowhere is empty, where all places that could set it were read.
  [[nodiscard]] bool variables_are_known(const BootEntry& entry) const {
    if (entry.open.empty()) return true;
    const GrubConfig* config = boot_.grub_config.value();
    return config != nullptr && config->complete && boot_.grub_environment.unreadable() == nullptr;
  }

  void compare_menu() {
    for (const BootEntry& entry : running_entries()) {
      CommandLineDifference difference =
          compare_command_lines(known_words(entry), running_->text, false, entry.possible);
      difference.source = entry.source;
      difference.entry = entry.id.empty() ? entry.title : entry.id;
      difference.open = !variables_are_known(entry);
      if (!result_.menu || difference.size() < result_.menu->size()) {
        result_.menu = std::move(difference);
        recovery_ = entry.recovery;
        kernel_of_menu_ = entry.kernel;
      }
    }
  }

  [[nodiscard]] std::optional<std::pair<std::string, std::string>> settings_text() const {
    const auto of =
        [](const Fact<std::string>& fact) -> std::optional<std::pair<std::string, std::string>> {
      if (!fact.is_known()) return std::nullopt;
      return std::pair(fact.source(), *fact.value());
    };
    switch (result_.writer) {
      case BootWriter::GrubDropIn:
      case BootWriter::GrubSettings:
        return grub_settings_text();
      case BootWriter::Grubby:
      case BootWriter::GrubEntries:
      case BootWriter::KernelInstall:
      case BootWriter::UnifiedImage:
      case BootWriter::ProxmoxBootTool:
      case BootWriter::Sdbootutil:
        return of(boot_.kernel_command_line);
      case BootWriter::Kernelstub:
        if (!boot_.kernelstub.is_known()) return std::nullopt;
        return std::pair(boot_.kernelstub.source(), boot_.kernelstub.value()->arguments);
      case BootWriter::LimineEntryTool: {
        if (!boot_.limine_defaults.is_known()) return std::nullopt;
        const auto& lines = boot_.limine_defaults.value()->command_lines;
        const auto found = lines.find("default");
        if (found == lines.end() || !found->second) return std::nullopt;
        return std::pair(boot_.limine_defaults.source(), *found->second);
      }
      default:
        return std::nullopt;
    }
  }

  // 10_linux of grub-mkconfig: "${GRUB_CMDLINE_LINUX} ${GRUB_CMDLINE_LINUX_DEFAULT}".
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> grub_settings_text() const {
    const GrubSettings* settings = boot_.grub_settings.value();
    if (settings == nullptr) return std::nullopt;
    std::string text;
    for (const char* name : {"GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"}) {
      const auto found = settings->merged.variables.find(name);
      if (found == settings->merged.variables.end()) continue;
      if (!found->second.value) return std::nullopt;
      text += *found->second.value + " ";
    }
    return std::pair(boot_.grub_settings.source(), text);
  }

  void compare_settings() {
    // A recovery entry has other arguments on purpose.
    if (recovery_ || is_recovery("", running_->text)) return;
    const auto settings = settings_text();
    if (!settings) return;
    result_.settings = compare_command_lines(settings->second, running_->text, true);
    result_.settings->source = settings->first;
  }

  // A menu that has the very kernel at the very place makes a likely loader a known one.
  void confirm() {
    if (result_.confidence != BootConfidence::Likely || !result_.menu || result_.menu->open) return;
    if (!result_.menu->equal()) return;
    if (result_.kind == LoaderKind::Grub && image_ &&
        without_device(kernel_of_menu_) != without_device(*image_)) {
      return;
    }
    result_.confidence = BootConfidence::Known;
    evidence(result_.menu->source, result_.menu->entry);
  }

  const Facts& facts_;
  const BootFacts& boot_;
  const KernelCommandLine* running_ = nullptr;
  std::optional<std::string> image_;  // BOOT_IMAGE=
  bool recovery_ = false;             // a recovery entry was started
  std::string kernel_of_menu_;
  BootLoader result_;
};

}  // namespace

std::optional<bool> BootLoader::matches_running() const {
  std::optional<bool> matches;
  for (const auto* difference : {&menu, &settings}) {
    if (!*difference) continue;
    const bool surely_differs = !(*difference)->missing.empty() ||
                                !(*difference)->reordered.empty() ||
                                (!(*difference)->additional.empty() && !(*difference)->open);
    if (surely_differs) return false;
    if ((*difference)->equal()) matches = true;
  }
  return matches;
}

BootLoader find_boot_loader(const Facts& facts) { return Finder(facts).find(); }

}  // namespace cleave
