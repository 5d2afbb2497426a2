#include "lab/module_tree.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLineLimit = 100'000;
constexpr std::size_t kTableBytes = std::size_t{16} << 20U;
constexpr std::size_t kSourceBytes = std::size_t{1} << 20U;
constexpr std::chrono::seconds kBuildLimit{600};
// The samples that make mediated devices; the directory has a fourth that is for s390 firmware.
constexpr const char* kSamplesBuildFile = "obj-m := mtty.o mdpy.o mbochs.o\n";

bool is_source(const fs::path& path) {
  return path.extension() == ".c" || path.extension() == ".h" || path.filename() == "Kbuild";
}

Result<std::vector<std::string>> sources_in(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code problem;
  for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (is_source(entry->path())) paths.push_back(entry->path().string());
  }
  if (problem || paths.empty()) {
    return lab_error(ErrorCode::NotFound,
                     Message(N_("There are no sources of kernel modules in {directory}"),
                             {{"directory", directory}}),
                     directory);
  }
  std::ranges::sort(paths);
  return paths;
}

Result<std::uint64_t> hash_sources(const std::string& directory, std::uint64_t hash) {
  for (const std::string& path : TRY(sources_in(directory))) {
    hash = content_hash(fs::path(path).filename().string(), hash);
    hash = content_hash(TRY(read_whole_file(path, kSourceBytes)), hash);
  }
  return hash;
}

// make splits its variables at blanks and its rules at colons.
Result<void> check_path(const std::string& path) {
  if (path.starts_with('/') && path.find_first_of(" \t\n:") == std::string::npos) return {};
  return lab_error(
      ErrorCode::Unsupported,
      Message(N_("Kernel modules cannot be built in {path}: the path must be absolute, "
                 "without blanks and colons"),
              {{"path", path}}),
      path, Message(N_("Set CLEAVE_LAB_CACHE to another directory.")));
}

Result<void> copy_sources(const std::string& from, const std::string& to) {
  TRY(make_directories(to));
  for (const std::string& path : TRY(sources_in(from))) {
    const std::string content = TRY(read_whole_file(path, kSourceBytes));
    TRY(write_whole_file(format("{}/{}", to, fs::path(path).filename().string()), content));
  }
  return {};
}

struct Build {
  const LabKernel& kernel;
  const LaptopOptions& options;
  std::string directory;  // everything is below it
  std::string log_path;
};

// The headers of Debian name /usr/src absolutely in their top Makefile; -f passes it by, so that
// they can lie anywhere (lab/kernel/README.md).
Result<void> build_modules(const Build& build, const std::string& sources) {
  const std::string version = build.kernel.version;
  const std::string_view flavour_start = std::string_view(version).substr(0, version.rfind('-'));
  const std::string& root = build.kernel.headers_root;
  // An outer make's settings are not for this one.
  return run_tool({.argv = {"env", "-u", "MAKEFLAGS", "-u", "MFLAGS", "-u", "MAKELEVEL", "make",
                            "-j2", "-C", format("{}/linux-headers-{}", root, version), "-f",
                            format("{}/linux-headers-{}-common/Makefile", root, flavour_start),
                            "CC=gcc", "M=" + sources, "modules"},
                   .working_directory = build.directory,
                   .log_path = build.log_path,
                   .limit = kBuildLimit,
                   .cancel_descriptor = build.options.cancel_descriptor});
}

Result<void> keep_modules(const std::string& from, const std::string& to) {
  std::error_code problem;
  for (fs::directory_iterator entry(from, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() != ".ko") continue;
    fs::rename(entry->path(), fs::path(to) / entry->path().filename(), problem);
    if (problem) break;
  }
  if (!problem) return {};
  return system_error(problem.value(), Message(N_("Could not write {path}"), {{"path", to}}), to);
}

// A tree as depmod(8) wants it; "updates" comes before "kernel" there, so our i915 is the one that
// modprobe finds in the laptop.
Result<void> make_tree(const Build& build) {
  const std::string tree = format("{}/lib/modules/{}", build.directory, build.kernel.version);
  TRY(make_directories(tree + "/updates"));
  std::error_code problem;
  fs::create_directory_symlink(build.kernel.modules_directory + "/kernel", tree + "/kernel",
                               problem);
  for (const char* name : {"modules.order", "modules.builtin", "modules.builtin.modinfo"}) {
    if (problem) break;
    fs::copy_file(format("{}/{}", build.kernel.modules_directory, name),
                  format("{}/{}", tree, name), problem);
  }
  if (problem) {
    return system_error(problem.value(), Message(N_("Could not write {path}"), {{"path", tree}}),
                        tree);
  }
  TRY(keep_modules(build.directory + "/lab", tree + "/updates"));
  if (build.options.sample_drivers) {
    TRY(keep_modules(build.directory + "/samples", tree + "/updates"));
  }
  return run_tool({.argv = {"/usr/bin/env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "depmod", "-b",
                            build.directory, build.kernel.version},
                   .working_directory = build.directory,
                   .log_path = build.log_path,
                   .cancel_descriptor = build.options.cancel_descriptor});
}

Result<void> build_all(const Build& build) {
  TRY(check_path(build.directory));
  const std::string lab = build.directory + "/lab";
  TRY(copy_sources(build.options.source_directory + "/lab/kernel", lab));
  TRY(build_modules(build, lab));
  if (build.options.sample_drivers) {
    const std::string samples = build.directory + "/samples";
    TRY(copy_sources(build.kernel.samples_directory, samples));
    TRY(write_whole_file(samples + "/Kbuild", kSamplesBuildFile));
    TRY(build_modules(build, samples));
  }
  TRY(make_tree(build));
  remove_tree(lab);
  remove_tree(build.directory + "/samples");
  return {};
}

Result<ModuleTree> read_tree(const std::string& directory) {
  ModuleTree tree;
  tree.directory = directory;
  const std::string text = TRY(read_whole_file(directory + "/modules.dep", kTableBytes));
  tree.table = TRY(parse_module_dependencies(text));
  const std::string built_in = TRY(read_whole_file(directory + "/modules.builtin", kTableBytes));
  for (const std::string_view line : lines(built_in)) tree.built_in.push_back(module_name(line));
  return tree;
}

struct Walk {
  const ModuleTable& table;
  std::vector<std::string>& order;
  std::set<std::string, std::less<>> done;
  std::set<std::string, std::less<>> open;
};

Result<void> visit(Walk& walk, const std::string& name) {
  if (walk.done.contains(name)) return {};
  const auto found = walk.table.find(name);
  if (found == walk.table.end()) {
    return lab_error(ErrorCode::NotFound,
                     Message(N_("The laptop's kernel has no module {module}"), {{"module", name}}));
  }
  if (!walk.open.insert(name).second) {
    return lab_error(ErrorCode::Malformed,
                     Message(N_("Module {module} depends on itself"), {{"module", name}}));
  }
  for (const std::string& dependency : found->second.dependencies) {
    TRY(visit(walk, module_name(dependency)));
  }
  walk.order.push_back(found->second.path);
  walk.done.insert(name);
  return {};
}

}  // namespace

std::string module_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  path = path.substr(0, path.find(".ko"));
  return replace_all(std::string(path), "-", "_");
}

Result<ModuleTable> parse_module_dependencies(std::string_view text) {
  ModuleTable table;
  std::size_t number = 0;
  for (const std::string_view line : lines(text)) {
    ++number;
    if (line.empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || number > kLineLimit) {
      return lab_error(
          ErrorCode::Malformed,
          Message(N_("Line {line} of modules.dep cannot be understood"), {{"line", number}}));
    }
    LaptopModule module{.path = std::string(line.substr(0, colon)), .dependencies = {}};
    for (const std::string_view word : words(line.substr(colon + 1))) {
      module.dependencies.emplace_back(word);
    }
    std::string name = module_name(module.path);
    table.insert_or_assign(std::move(name), std::move(module));
  }
  return table;
}

Result<std::vector<std::string>> load_order(const ModuleTable& table,
                                            const std::vector<std::string>& names) {
  std::vector<std::string> order;
  Walk walk{.table = table, .order = order, .done = {}, .open = {}};
  for (const std::string& name : names) TRY(visit(walk, module_name(name)));
  return order;
}

Result<ModuleTree> supply_modules(const LabKernel& kernel, const LaptopOptions& options,
                                  const LaptopProgress& progress) {
  std::uint64_t hash = content_hash(kernel.identity);
  hash = content_hash(kernel.modules_directory, hash);
  hash = TRY(hash_sources(options.source_directory + "/lab/kernel", hash));
  if (options.sample_drivers) hash = TRY(hash_sources(kernel.samples_directory, hash));
  const std::string directory = format("{}/modules/{:016x}", options.cache_directory, hash);
  const std::string tree = format("{}/lib/modules/{}", directory, kernel.version);
  std::error_code problem;
  if (!fs::exists(directory, problem)) {
    if (progress) progress(Message(N_("build the laptop's kernel modules")));
    // The log outlives a failed build.
    const std::string log_path = options.cache_directory + "/modules.log";
    fs::remove(log_path, problem);
    TRY(make_directory_once(directory, [&](const std::string& partial) {
          return build_all(
              {.kernel = kernel, .options = options, .directory = partial, .log_path = log_path});
        }).context(Message(N_("Building the laptop's kernel modules"))));
  }
  return read_tree(tree);
}

}  // namespace cleave
