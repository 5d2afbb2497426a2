#include "lab/kernel_supply.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>

#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArchitecture = "amd64";
// The series whose mediated-device interface lab/kernel is written for.
constexpr std::string_view kSeries = "6.1";
constexpr const char* kStamp = "complete";
constexpr std::chrono::seconds kDownloadLimit{1800};

struct Tool {
  const char* program;
  const char* package;
};

constexpr std::array kTools = {
    Tool{"qemu-system-x86_64", "qemu-system-x86"},
    Tool{"make", "make"},
    Tool{"gcc", "gcc"},
    Tool{"depmod", "kmod"},
    Tool{"apt-get", "apt"},
    Tool{"apt-cache", "apt"},
    Tool{"dpkg-deb", "dpkg"},
    Tool{"tar", "tar"},
    Tool{"xz", "xz-utils"},
};
constexpr const char* kBusybox = "/bin/busybox";

// depmod is in sbin, which is not in everybody's PATH.
bool is_installed(const std::string& program) {
  const std::array<const char*, 5> directories = {"/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin",
                                                  "/sbin"};
  return std::ranges::any_of(directories, [&](const char* directory) {
    return ::access(format("{}/{}", directory, program).c_str(), X_OK) == 0;
  });
}

bool exists(const std::string& path) {
  std::error_code problem;
  return fs::exists(path, problem);
}

// A kernel below `root` with all that is needed, or none. Sources of the samples are not asked for.
std::optional<LabKernel> kernel_below(const std::string& root, const std::string& version) {
  LabKernel kernel;
  kernel.version = version;
  kernel.image = format("{}/boot/vmlinuz-{}", root, version);
  kernel.config = format("{}/boot/config-{}", root, version);
  kernel.modules_directory = format("{}/lib/modules/{}", root, version);
  kernel.headers_root = root + "/usr/src";
  const bool complete =
      ::access(kernel.image.c_str(), R_OK) == 0 && exists(kernel.modules_directory + "/kernel") &&
      exists(format("{}/linux-headers-{}/Module.symvers", kernel.headers_root, version));
  if (!complete) return std::nullopt;
  return kernel;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// The newest by name; the numbers of one Debian release have the same width almost always, and any
// complete one will do.
std::optional<LabKernel> installed_kernel() {
  std::optional<LabKernel> best;
  for (const std::string& version : names_in("/lib/modules")) {
    if (kernel_series(version) != kSeries || !version.ends_with(kArchitecture)) continue;
    auto kernel = kernel_below("", version);
    if (!kernel) continue;
    kernel->identity = version;
    // A rebuilt package has another configuration or at least another table of symbols.
    const std::string symbols =
        format("{}/linux-headers-{}/Module.symvers", kernel->headers_root, version);
    const Result<std::string> table = read_whole_file(symbols, std::size_t{16} << 20U);
    if (table) kernel->identity += format("-{:016x}", content_hash(*table));
    best = std::move(kernel);
  }
  return best;
}

std::optional<LabKernel> cached_kernel(const std::string& cache) {
  std::optional<LabKernel> best;
  for (const std::string& name : names_in(cache + "/kernel")) {
    const std::string directory = format("{}/kernel/{}", cache, name);
    // "VERSION_PACKAGE-VERSION"
    const std::string version = name.substr(0, name.find('_'));
    if (!exists(format("{}/{}", directory, kStamp))) continue;
    auto kernel = kernel_below(directory + "/root", version);
    if (!kernel) continue;
    kernel->identity = name;
    best = std::move(kernel);
  }
  return best;
}

struct Package {
  std::string name;
  std::string version;
  std::uint64_t bytes = 0;
};

Error apt_does_not_know(const std::string& package) {
  return lab_error(
      ErrorCode::NotFound,
      Message(N_("apt does not offer the package {package}"), {{"package", package}}), {},
      Message(N_("Run “apt-get update” as root. The laptop needs a Debian 12 kernel: on "
                 "another system, install linux-image and linux-headers of series 6.1.")));
}

Result<Package> look_up(const std::string& name) {
  const Result<std::string> shown = tool_output({"apt-cache", "show", "--no-all-versions", name});
  if (!shown) return apt_does_not_know(name);
  Package package{.name = name, .version = {}};
  for (const std::string_view line : lines(*shown)) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view value = line.substr(colon + 2);
    if (line.starts_with("Version: ")) package.version = value;
    if (line.starts_with("Size: ")) {
      package.bytes = parse_unsigned<std::uint64_t>(value).value_or(0);
    }
  }
  if (package.version.empty()) return apt_does_not_know(name);
  return package;
}

Result<std::string> dependency_of(const std::string& package, std::string_view prefix) {
  const Result<std::string> depends = tool_output({"apt-cache", "depends", package});
  const std::string found = depends ? dependency_with_prefix(*depends, prefix) : std::string();
  if (found.empty()) return apt_does_not_know(package);
  return found;
}

std::uint64_t megabytes(std::uint64_t bytes) { return (bytes + 999'999) / 1'000'000; }

// Downloads into `directory` and returns the path of the file there.
Result<std::string> download(const Package& package, const std::string& directory,
                             const LaptopOptions& options) {
  TRY(run_tool({.argv = {"apt-get", "download", format("{}={}", package.name, package.version)},
                .working_directory = directory,
                .log_path = directory + "/log",
                .limit = kDownloadLimit,
                .cancel_descriptor = options.cancel_descriptor})
          .context(Message(N_("Fetching {package}"), {{"package", package.name}})));
  for (const std::string& name : names_in(directory)) {
    // NAME_VERSION_ARCH.deb; apt writes the version's colon as %3a.
    if (name.starts_with(package.name + "_") && name.ends_with(".deb")) {
      return format("{}/{}", directory, name);
    }
  }
  return apt_does_not_know(package.name);
}

Result<void> unpack(const std::string& archive, const std::string& root,
                    const std::string& directory, const LaptopOptions& options) {
  TRY(run_tool({.argv = {"dpkg-deb", "-x", archive, root},
                .working_directory = directory,
                .log_path = directory + "/log",
                .cancel_descriptor = options.cancel_descriptor}));
  std::error_code ignored;
  fs::remove(archive, ignored);
  return {};
}

Result<void> fetch_packages(const std::vector<Package>& packages, const std::string& directory,
                            const LaptopOptions& options, const LaptopProgress& progress) {
  const std::string root = directory + "/root";
  TRY(make_directories(root));
  for (const Package& package : packages) {
    if (progress) {
      progress(Message(N_("fetch {package} {version} ({size} MB) into {directory}"),
                       {{"package", package.name},
                        {"version", package.version},
                        {"size", megabytes(package.bytes)},
                        {"directory", options.cache_directory}}));
    }
    const std::string archive = TRY(download(package, directory, options));
    TRY(unpack(archive, root, directory, options));
  }
  return write_whole_file(format("{}/{}", directory, kStamp), "");
}

Result<LabKernel> fetch_newest_kernel(const LaptopOptions& options,
                                      const LaptopProgress& progress) {
  if (progress) progress(Message(N_("ask apt for the kernel's packages")));
  const std::string image =
      TRY(dependency_of(format("linux-image-{}", kArchitecture), "linux-image-"));
  const std::string version = image.substr(std::string_view("linux-image-").size());
  if (kernel_series(version) != kSeries) {
    return lab_error(ErrorCode::Unsupported,
                     Message(N_("apt offers kernel {version}; the laptop needs series "
                                "{series}"),
                             {{"version", version}, {"series", kSeries}}));
  }
  const std::string headers = "linux-headers-" + version;
  std::vector<Package> packages;
  packages.push_back(TRY(look_up(image)));
  packages.push_back(TRY(look_up(headers)));
  for (const char* prefix : {"linux-headers-", "linux-kbuild-"}) {
    const std::string name = TRY(dependency_of(headers, prefix));
    packages.push_back(TRY(look_up(name)));
  }
  std::string name = format("{}_{}", version, packages.front().version);
  const std::string directory = format("{}/kernel/{}", options.cache_directory, name);
  TRY(make_directory_once(directory, [&](const std::string& partial) {
    return fetch_packages(packages, partial, options, progress);
  }));
  auto kernel = kernel_below(directory + "/root", version);
  if (!kernel) {
    return lab_error(ErrorCode::Internal,
                     Message(N_("The kernel packages of {version} do not hold what the "
                                "laptop needs"),
                             {{"version", version}}),
                     directory);
  }
  kernel->identity = std::move(name);
  return *std::move(kernel);
}

Result<void> fetch_samples(const Package& package, const std::string& directory,
                           const LaptopOptions& options, const LaptopProgress& progress) {
  TRY(fetch_packages({package}, directory, options, progress));
  if (progress) progress(Message(N_("unpack the kernel's sample drivers")));
  TRY(run_tool(
      {.argv = {"tar", "-xJf", format("{}/root/usr/src/{}.tar.xz", directory, package.name),
                "--strip-components=2", format("{}/samples/vfio-mdev", package.name)},
       .working_directory = directory,
       .log_path = directory + "/log",
       .cancel_descriptor = options.cancel_descriptor}));
  // Four files of 140 MB were wanted.
  remove_tree(directory + "/root");
  return {};
}

Result<std::string> supply_samples(const LaptopOptions& options, const LaptopProgress& progress) {
  const std::string directory = format("{}/samples/{}", options.cache_directory, kSeries);
  std::string samples = directory + "/vfio-mdev";
  if (exists(samples)) return samples;
  const Package package = TRY(look_up(format("linux-source-{}", kSeries)));
  TRY(make_directory_once(directory, [&](const std::string& partial) {
    return fetch_samples(package, partial, options, progress);
  }));
  return samples;
}

}  // namespace

Result<void> check_lab_tools() {
  std::vector<std::string> programs;
  std::vector<std::string> packages;
  const auto miss = [&](const char* program, const char* package) {
    programs.emplace_back(program);
    if (std::ranges::find(packages, package) == packages.end()) packages.emplace_back(package);
  };
  for (const Tool& tool : kTools) {
    if (!is_installed(tool.program)) miss(tool.program, tool.package);
  }
  if (::access(kBusybox, X_OK) != 0) miss("busybox", "busybox-static");
  if (programs.empty()) return {};
  return lab_error(
      ErrorCode::NotFound,
      Message(N_("The virtual laptop needs programs that are missing: "
                 "{programs}"),
              {{"programs", join(programs, ", ")}}),
      {},
      Message(N_("Install them: apt-get install {packages}"), {{"packages", join(packages, " ")}}));
}

Result<LabKernel> supply_kernel(const LaptopOptions& options, const LaptopProgress& progress) {
  std::optional<LabKernel> kernel = installed_kernel();
  if (!kernel) kernel = cached_kernel(options.cache_directory);
  if (!kernel) kernel = TRY(fetch_newest_kernel(options, progress));
  if (options.sample_drivers) {
    kernel->samples_directory = TRY(supply_samples(options, progress));
  }
  return *std::move(kernel);
}

std::string dependency_with_prefix(std::string_view apt_cache_output, std::string_view prefix) {
  for (const std::string_view line : lines(apt_cache_output)) {
    const auto parts = words(line);
    if (parts.size() != 2 || parts[0] != "Depends:" || !parts[1].starts_with(prefix)) continue;
    const std::string_view rest = parts[1].substr(prefix.size());
    if (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
      return std::string(parts[1]);
    }
  }
  return {};
}

std::string kernel_series(std::string_view version) {
  const auto parts = split(version, '.');
  if (parts.size() < 2) return {};
  return format("{}.{}", parts[0], parts[1]);
}

}  // namespace cleave
