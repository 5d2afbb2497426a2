// The QEMU programs, and what each answered when it was asked. None is started here.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/format.h"
#include "base/text.h"
#include "facts/readers/readers.h"

namespace cleave {
namespace {

// Where programs for x86-64 guests are, in the order of PATH; the last for Red Hat's, NixOS' and
// those that people build.
constexpr std::array kDirectories = {"/usr/local/bin", "/usr/bin", "/usr/libexec",
                                     "/run/current-system/sw/bin"};
constexpr const char* kOpt = "/opt";
constexpr std::size_t kMostInOpt = 50;
// A build without it is not complete (qemu_build/record.h).
constexpr const char* kBuildRecord = "build.json";
// In one directory these are the same program, or a script around it: the first counts.
constexpr std::array kNames = {"qemu-system-x86_64", "qemu-kvm", "kvm"};
// QEMU loads displays, GPUs and accelerators from there (util/module.c, CONFIG_QEMU_MODDIR is
// LIBDIR/qemu): Debian's, Fedora's, Arch's and RHEL's place below the program's prefix.
constexpr std::array kModuleDirectories = {"lib/x86_64-linux-gnu/qemu", "lib64/qemu", "lib/qemu",
                                           "lib64/qemu-kvm"};
constexpr std::size_t kMostModules = 500;  // QEMU 10 has some 60

using Programs = std::vector<QemuProgram>;

std::uint64_t mixed(std::uint64_t hash, std::string_view text) {
  // FNV-1a, 64 bits (Fowler, Noll, Vo).
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  }
  return hash;
}

// Sixteen digits that are others once a module came, went or changed; "" without modules.
std::string modules_of(const HostReader& host, const std::string& program) {
  const std::string prefix(directory_name(directory_name(program)));
  std::uint64_t hash = 0xcbf29ce484222325;
  std::size_t count = 0;
  for (const char* place : kModuleDirectories) {
    const std::string directory = join_path(prefix, place);
    const auto names = host.list_directory(directory);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (!name.ends_with(".so") || ++count > kMostModules) continue;
      const auto status = host.status(join_path(directory, name));
      if (!status) continue;
      hash = mixed(hash, format("{} {} {}\n", name, status->size, status->modified));
    }
  }
  return count == 0 ? std::string() : format("{:016x}", hash);
}

bool is_program(const FileStatus& status) {
  constexpr std::uint32_t kExecutable = 0111;
  return status.kind == FileKind::Regular && (status.mode & kExecutable) != 0;
}

// What the answers in one directory say about a program. Absent: nobody asked there.
Fact<QemuAbilities> read_kept(const HostReader& host, const QemuProgram& program,
                              const std::string& file) {
  constexpr std::uint32_t kWritableByOthers = 0022;
  const auto unreadable = [&](std::string text) {
    return Unreadable{.path = program.path, .why = std::move(text)};
  };
  const auto status = host.status(file);
  if (!status && status.error().code == ErrorCode::NotFound) return {Absent{}, program.path};
  if (!status) return unreadable(why(status.error()));
  // Whoever could write it could make the doctor say anything.
  if (status->user != 0 && status->user != host.user_id())
    return unreadable("kept by another user");
  if ((status->mode & kWritableByOthers) != 0) return unreadable("kept where others may write");
  if (status->kind != FileKind::Regular) return unreadable("kept in no plain file");
  const auto text = host.read_file(file, kQemuFileLimit);
  if (!text) return unreadable(why(text.error()));
  auto abilities = parse_qemu_file(*text, program.identity);
  if (!abilities) return unreadable(english(abilities.error().message));
  return {std::move(*abilities), program.path};
}

// The first directory with good answers decides; else the first that has any.
void read_abilities(const HostReader& host, const std::vector<std::string>& directories,
                    QemuProgram& program) {
  program.abilities = Unreadable{.path = program.path, .why = "not asked yet"};
  for (const std::string& directory : directories) {
    const std::string file = join_path(directory, qemu_file_name(program.identity));
    Fact<QemuAbilities> kept = read_kept(host, program, file);
    if (kept.is_absent() || (!kept.is_known() && !program.kept_in.empty())) continue;
    program.abilities = std::move(kept);
    program.kept_in = file;
    if (program.abilities.is_known()) return;
  }
}

QemuProgram program_of(const HostReader& host, const std::string& path, const std::string& real,
                       const FileStatus& status, const std::vector<std::string>& kept_in) {
  QemuProgram program;
  program.path = path;
  program.identity = {.path = real,
                      .inode = status.inode,
                      .size = status.size,
                      .modified = status.modified,
                      .modules = modules_of(host, real)};
  read_abilities(host, kept_in, program);
  return program;
}

class Search {
 public:
  Search(const HostReader& host, const std::vector<std::string>& kept_in)
      : host_(host), kept_in_(kept_in) {}

  void look_into(const std::string& directory) {
    for (const char* name : kNames) {
      if (add(join_path(directory, name))) return;
    }
  }

  // A directory for each; those whose name starts with a dot are being made or removed.
  void look_into_builds(const std::string& builds) {
    const auto names = host_.list_directory(builds);
    if (!names) return;
    for (std::size_t i = 0; i < std::min(names->size(), kMostInOpt); ++i) {
      const std::string directory = join_path(builds, (*names)[i]);
      const auto real = host_.real_path(directory);
      if ((*names)[i].starts_with('.') || !real) continue;
      if (host_.exists(join_path(*real, kBuildRecord))) look_into(join_path(directory, "bin"));
    }
  }

  Fact<Programs> found() {
    if (!programs_.empty()) {
      const std::string source(directory_name(programs_.front().path));
      return {std::move(programs_), source};
    }
    if (unreadable_) return *unreadable_;
    return {Absent{}, join_path("/usr/bin", kNames.front())};
  }

 private:
  void note(const Error& error, const std::string& path) {
    if (error.code == ErrorCode::NotFound || unreadable_) return;
    unreadable_ = Unreadable{.path = path, .why = why(error)};
  }

  // True if there is such a program, known already or not.
  bool add(const std::string& path) {
    const auto real = host_.real_path(path);
    if (!real) note(real.error(), path);
    if (!real) return false;
    const auto status = host_.status(*real);
    if (!status) note(status.error(), path);
    if (!status || !is_program(*status)) return false;
    const auto is_same = [&real](const QemuProgram& one) { return one.identity.path == *real; };
    if (std::ranges::any_of(programs_, is_same)) return true;
    programs_.push_back(program_of(host_, path, *real, *status, kept_in_));
    return true;
  }

  const HostReader& host_;
  const std::vector<std::string>& kept_in_;
  Programs programs_;
  std::optional<Unreadable> unreadable_;
};

}  // namespace

std::optional<QemuProgram> read_qemu_program(const HostReader& host, const std::string& path,
                                             const std::vector<std::string>& kept_in) {
  const auto real = host.real_path(path);
  if (!real) return std::nullopt;
  const auto status = host.status(*real);
  if (!status || !is_program(*status)) return std::nullopt;
  return program_of(host, path, *real, *status, kept_in);
}

QemuFacts read_qemu(const HostReader& host, const std::vector<std::string>& kept_in,
                    const std::vector<std::string>& builds) {
  Search search(host, kept_in);
  for (const char* directory : kDirectories) search.look_into(directory);
  if (const auto names = host.list_directory(kOpt)) {
    for (std::size_t i = 0; i < std::min(names->size(), kMostInOpt); ++i) {
      search.look_into(format("{}/{}/bin", kOpt, (*names)[i]));
    }
  }
  for (const std::string& directory : builds) search.look_into_builds(directory);
  QemuFacts facts;
  facts.programs = search.found();
  // What QEMU draws with matters only to who has one.
  if (facts.programs.is_known()) {
    read_packages(host, facts);
    facts.render_server = read_render_server(host);
  }
  return facts;
}

}  // namespace cleave
