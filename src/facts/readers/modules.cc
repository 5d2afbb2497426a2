// Modules of the running kernel: loaded (/proc/modules), built in, or on disk.
#include <algorithm>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

constexpr std::size_t kMaximumSize = std::size_t{8} << 20U;  // modules.dep: 700 KB in 2026

using Names = std::set<std::string, std::less<>>;

// Calls `visit` with each line and copies nothing: modules.dep has thousands.
template <typename Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// "kernel/arch/x86/kvm/kvm-intel.ko.zst" → "kvm_intel"; empty if it is no module's path.
std::string module_name(std::string_view path) {
  const std::string_view file = base_name(path);
  std::string name(file.substr(0, file.find(".ko")));
  if (name.size() == file.size()) return {};
  std::ranges::replace(name, '-', '_');
  return name;
}

// Sets `flag` for each wanted module that a list of paths names. A line of modules.dep is a path,
// a colon and what it needs; one of modules.builtin a path alone.
Fact<bool> read_path_list(const HostReader& host, const std::string& path, KernelFacts& kernel,
                          bool KernelModule::* flag) {
  const auto text = host.read_file(path, kMaximumSize);
  if (!text) return fact_from_error<bool>(text.error(), path);
  each_line(*text, [&](std::string_view line) {
    const auto module = kernel.modules.find(module_name(line.substr(0, line.find(':'))));
    if (module != kernel.modules.end()) module->second.*flag = true;
  });
  return {true, path};
}

void read_loaded(const HostReader& host, KernelFacts& kernel) {
  const std::string path = "/proc/modules";
  const auto text = host.read_file(path, kMaximumSize);
  if (!text) {
    kernel.module_list = fact_from_error<bool>(text.error(), path);
    return;
  }
  kernel.module_list = Fact<bool>(true, path);
  each_line(*text, [&](std::string_view line) {
    const auto module = kernel.modules.find(line.substr(0, line.find(' ')));
    if (module != kernel.modules.end()) module->second.loaded = true;
  });
}

// What sysfs tells: a loaded module has `initstate`, a built-in one has a directory without it.
void read_sysfs(const HostReader& host, const std::string& name, KernelModule& module) {
  const std::string directory = join_path("/sys/module", name);
  if (!host.exists(directory)) return;
  if (host.exists(join_path(directory, "initstate"))) {
    module.loaded = true;
  } else if (!module.loaded) {
    module.built_in = true;
  }
  const std::string parameters = join_path(directory, "parameters");
  const auto names = host.list_directory(parameters);
  if (!names) return;
  for (const std::string& parameter : *names) {
    module.parameters[parameter] = read_text_fact(host, join_path(parameters, parameter));
  }
}

}  // namespace

void read_modules(const HostReader& host, const Names& names, KernelFacts& kernel) {
  for (const std::string& name : names) kernel.modules.try_emplace(name);
  read_loaded(host, kernel);
  for (auto& [name, module] : kernel.modules) read_sysfs(host, name, module);
  const std::string* release = kernel.release.value();
  if (release == nullptr) {
    kernel.module_files = Unreadable{.path = kernel.release.source(), .why = "no kernel release"};
    return;
  }
  const std::string directory = format("/lib/modules/{}", *release);
  kernel.module_files =
      read_path_list(host, join_path(directory, "modules.dep"), kernel, &KernelModule::on_disk);
  (void)read_path_list(host, join_path(directory, "modules.builtin"), kernel,
                       &KernelModule::built_in);
}

}  // namespace cleave
