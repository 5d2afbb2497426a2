#include "app/machine.h"

#include <filesystem>
#include <map>

#include "app/capture_archive.h"
#include "base/text.h"
#include "host/file_host.h"

namespace cleave {
namespace {

constexpr std::size_t kMachineLimit = std::size_t{64} << 20U;  // parse_machine refuses above 32 MiB

Error malformed(Message message) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = std::move(message);
  return error;
}

Result<Capture> open_capture_directory(const HostReader& directory) {
  const std::string manifest =
      TRY(directory.read_file(join_path("/", kManifestName), kManifestBytes));
  return read_capture(manifest, [&](const std::string& path, std::size_t size) {
    return directory.read_file(std::string("/") + kTreeName + path, size);
  });
}

Result<std::unique_ptr<HostReader>> open_directory(const std::string& path) {
  auto directory = TRY(open_file_host(path));
  const Result<FileStatus> manifest = directory->status(join_path("/", kManifestName));
  if (manifest) {
    Capture capture = TRY(open_capture_directory(*directory));
    return std::unique_ptr<HostReader>(std::make_unique<MemoryHost>(std::move(capture.machine)));
  }
  if (manifest.error().code != ErrorCode::NotFound) return manifest.error();
  return std::unique_ptr<HostReader>(std::move(directory));
}

// Without a single entry any text would be a machine that has nothing.
bool has_entries(std::string_view text) {
  return text.starts_with("== ") || text.find("\n== ") != std::string_view::npos;
}

Result<std::unique_ptr<HostReader>> open_file(const std::string& path) {
  const std::string bytes = TRY(live_host()->read_file(path, kMachineLimit));
  if (is_archive(bytes) || path.ends_with(".zst")) {
    Capture capture = TRY(open_bundle(bytes));
    return std::unique_ptr<HostReader>(std::make_unique<MemoryHost>(std::move(capture.machine)));
  }
  if (!has_entries(bytes)) {
    return malformed({N_("This is neither a bundle of “cleave capture” nor a *.machine file.")});
  }
  const std::string directory(directory_name(path));
  MemoryHost machine = TRY(parse_machine(bytes, [&directory](const std::string& included) {
    return live_host()->read_file(join_path(directory, included), kMachineLimit);
  }));
  return std::unique_ptr<HostReader>(std::make_unique<MemoryHost>(std::move(machine)));
}

}  // namespace

Result<Capture> open_bundle(std::string_view bytes) {
  std::map<std::string, std::string, std::less<>> files;
  for (BundleFile& file : TRY(unpack_archive(bytes))) {
    files.emplace(std::move(file.name), std::move(file.content));
  }
  const auto manifest = files.extract(kManifestName);
  if (manifest.empty()) {
    return malformed(
        {N_("The archive has no {name}: it is no capture."), {{"name", kManifestName}}});
  }
  Capture capture = TRY(read_capture(
      manifest.mapped(), [&](const std::string& path, std::size_t) -> Result<std::string> {
        const auto file = files.extract(kTreeName + path);
        if (!file.empty()) return std::move(file.mapped());
        return malformed({N_("The archive is incomplete: {path} is missing."), {{"path", path}}});
      }));
  if (files.empty()) return capture;
  return malformed({N_("The archive's entry {entry} is not in the manifest."),
                    {{"entry", files.begin()->first}}});
}

Result<std::unique_ptr<HostReader>> open_machine(const std::string& name) {
  const Message doing = {N_("reading the machine {path}"), {{"path", name}}};
  std::error_code problem;
  const std::filesystem::path path = std::filesystem::absolute(name, problem);
  if (problem) {
    return system_error(problem.value(),
                        {N_("Could not read the machine {path}"), {{"path", name}}}, name);
  }
  const bool is_directory = std::filesystem::is_directory(path, problem);
  return (is_directory ? open_directory(path.string()) : open_file(path.string())).context(doing);
}

}  // namespace cleave
