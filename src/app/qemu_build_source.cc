#include "app/qemu_build_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "app/qemu_build_needs.h"
#include "app/source_archive.h"
#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"
#include "qemu_build/refresh.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kFetchLimit{7200};  // QEMU's 130 MB over a slow line
constexpr std::size_t kLargestSource = std::size_t{4} << 20U;
constexpr const char* kArchiveName = "qemu-source.tar";

bool exists(const std::string& path) {
  std::error_code problem;
  return fs::exists(path, problem);
}

Error file_error(const std::error_code& problem, const std::string& path) {
  return system_error(problem.value(), {N_("Could not copy {path}"), {{"path", path}}}, path);
}

Result<void> begin_directory(const std::string& path, const BuildTools& tools) {
  const ActingAs acting = TRY(as_builder(tools));
  remove_tree(path);
  return make_directories(path);
}

Result<void> rename_as_builder(const std::string& from, const std::string& to,
                               const BuildTools& tools) {
  const ActingAs acting = TRY(as_builder(tools));
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return system_error(errno, {N_("Could not write {path}"), {{"path", to}}}, to);
}

// --- Archives

std::string archive_of(const BuildWork& work) {
  if (work.source.kind == SourceKind::Tarball) return work.source.location;
  return join_path(work.archive(), kArchiveName);
}

Result<std::string> sha256_of(const std::string& path, BuildTools& tools) {
  std::string sum;
  TRY(tools.run({.argv = {"sha256sum", "--", path}, .directory = "/", .on_line = [&](auto line) {
                   sum = std::string(line.substr(0, line.find(' ')));
                   return false;
                 }}));
  return sum;
}

Result<void> check_sum(const BuildWork& work, BuildTools& tools) {
  if (work.sha256.empty()) return {};
  const std::string path = archive_of(work);
  const std::string sum = TRY(sha256_of(path, tools));
  if (sum == lower_case(work.sha256)) return {};
  return error_of(ErrorCode::Conflict,
                  {N_("{path} is not what was asked for: its sha256 is {sum}."),
                   {{"path", path}, {"sum", printable(sum)}}},
                  {N_("Compare the address and the sum; the file is not used.")});
}

std::string signature_of(const BuildWork& work) { return archive_of(work) + ".sig"; }

Result<void> check_signature(const BuildWork& work, BuildTools& tools) {
  if (work.keyring.empty()) return {};
  Result<void> good =
      tools.run({.argv = {"gpgv", "--keyring", work.keyring, signature_of(work), archive_of(work)},
                 .directory = "/"});
  if (good || good.error().code == ErrorCode::Interrupted) return good;
  Error error = std::move(good).error();
  error.code = ErrorCode::Conflict;
  error.message = {N_("{path} has no good signature of a key in {keyring}"),
                   {{"path", archive_of(work)}, {"keyring", work.keyring}}};
  error.remedy = {N_("The file is not used. All that gpgv said is in {path}; it takes keyrings as "
                     "`gpg --export` writes them, and the signature in a file beside, with .sig at "
                     "its end."),
                  {{"path", tools.log_path()}}};
  return error;
}

// Before anything of it is unpacked.
Result<void> check_archive(const BuildWork& work, BuildTools& tools) {
  TRY(check_sum(work, tools));
  return check_signature(work, tools);
}

Result<void> download_file(const BuildWork& work, const std::string& address,
                           const std::string& file, BuildTools& tools) {
  const std::string partial = file + ".partial";
  const Result<void> fetched = tools.run(
      {.argv = {"curl", "--fail", "--location", "--silent", "--show-error", "--proto", "=https",
                "--proto-redir", "=https", "--retry", "2", "--output", partial, "--", address},
       .directory = work.archive(),
       .limit = kFetchLimit});
  if (!fetched) {
    if (fetched.error().code == ErrorCode::Interrupted) return fetched;
    Error error = fetched.error();
    error.message = {N_("{address} could not be fetched"), {{"address", address}}};
    error.remedy = {
        N_("Is there a network, and is there such a version? You can fetch it elsewhere "
           "and name the file: --source FILE. All that curl said is in {path}."),
        {{"path", tools.log_path()}}};
    return error;
  }
  return rename_as_builder(partial, file, tools);
}

Result<void> download(const BuildWork& work, BuildTools& tools) {
  TRY(begin_directory(work.archive(), tools));
  TRY(download_file(work, work.source.location, archive_of(work), tools));
  if (work.keyring.empty()) return {};
  return download_file(work, work.source.location + ".sig", signature_of(work), tools);
}

// --- git

Result<void> clone(const BuildWork& work, BuildTools& tools) {
  const std::string partial = work.source_directory() + ".partial";
  TRY(begin_directory(partial, tools));
  std::vector<std::string> argv = {"git", "clone", "--depth", "1"};
  if (!work.source.version.empty()) {
    argv.insert(argv.end(), {"--branch", "v" + work.source.version});
  }
  argv.insert(argv.end(), {"--", work.source.location, partial});
  TRY(tools
          .run({.argv = argv,
                .directory = work.tree,
                .environment = {{"GIT_TERMINAL_PROMPT", "0"}},
                .limit = kFetchLimit})
          .context({N_("Fetching {address}"), {{"address", work.source.location}}}));
  {
    const ActingAs acting = TRY(as_builder(tools));
    remove_tree(work.source_directory());
  }
  return rename_as_builder(partial, work.source_directory(), tools);
}

// --- The distribution's own

std::vector<AptFile> apt_files(const HostReader& host) {
  std::vector<AptFile> files;
  const auto add = [&](const std::string& path) {
    if (auto text = host.read_file(path)) files.push_back({.name = path, .text = *text});
  };
  add("/etc/apt/sources.list");
  constexpr const char* kParts = "/etc/apt/sources.list.d";
  const auto names = host.list_directory(kParts);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (name.ends_with(".list") || name.ends_with(".sources")) add(join_path(kParts, name));
  }
  return files;
}

Result<void> write_apt_sources(const HostReader& host, const BuildWork& work,
                               const BuildTools& tools) {
  const AptSources sources = sources_for_source_packages(apt_files(host), codename_of_host(host));
  if (sources.empty()) {
    return error_of(ErrorCode::NotFound,
                    {N_("apt has no sources here from which source packages could come: "
                        "/etc/apt/sources.list and sources.list.d name none.")},
                    {N_("Build a release instead (--version 8.2.0), or give --source a directory "
                        "or a tarball.")});
  }
  const ActingAs acting = TRY(as_builder(tools));
  const std::string apt = work.tree + "/apt";
  for (const char* place : {"/parts", "/lists/partial", "/cache/archives/partial"}) {
    TRY(make_directories(apt + place));
  }
  TRY(write_whole_file(apt + "/cleave.list", sources.one_line));
  return write_whole_file(apt + "/parts/cleave.sources", sources.deb822);
}

// Everything of apt's own state stays as it is: lists and cache are in the work directory.
std::vector<std::string> apt_get(const BuildWork& work, std::vector<std::string> words) {
  const std::string apt = work.tree + "/apt";
  std::vector<std::string> argv = {"apt-get", "-q"};
  for (const std::string& setting :
       {"Dir::Etc::SourceList=" + apt + "/cleave.list", "Dir::Etc::SourceParts=" + apt + "/parts",
        "Dir::State::Lists=" + apt + "/lists", "Dir::Cache=" + apt + "/cache",
        // Not a failure when the machine's own hooks may not be run by this user.
        std::string("APT::Update::Post-Invoke::="),
        std::string("APT::Update::Post-Invoke-Success::=")}) {
    argv.insert(argv.end(), {"-o", setting});
  }
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Result<void> fetch_distribution(const HostReader& host, const BuildWork& work, BuildTools& tools) {
  if (family_of_host(host) != DistributionFamily::Debian) {
    return error_of(ErrorCode::Unsupported,
                    {N_("cleave fetches the distribution's source with apt alone, and this system "
                        "has another package manager.")},
                    {N_("Fetch QEMU's source package with it and give --source the tarball in it, "
                        "or build a release: --version 8.2.0.")});
  }
  TRY(write_apt_sources(host, work, tools));
  TRY(begin_directory(work.archive(), tools));
  TRY(tools
          .run({.argv = apt_get(work, {"update"}),
                .directory = work.archive(),
                .limit = kFetchLimit})
          .context({N_("Asking the distribution which source packages it has")}));
  return tools
      .run({.argv = apt_get(work, {"source", "--download-only", "qemu"}),
            .directory = work.archive(),
            .limit = kFetchLimit})
      .context({N_("Fetching the distribution's source package qemu")});
}

std::string dsc_of(const BuildWork& work) {
  std::error_code problem;
  for (fs::directory_iterator entry(work.archive(), problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() == ".dsc") return entry->path().string();
  }
  return {};
}

Result<void> unpack_distribution(const BuildWork& work, BuildTools& tools) {
  const std::string dsc = dsc_of(work);
  if (dsc.empty()) {
    return error_of(ErrorCode::NotFound, {N_("The source package has no .dsc file in {path}."),
                                          {{"path", work.archive()}}});
  }
  {
    const ActingAs acting = TRY(as_builder(tools));
    remove_tree(work.source_directory());
  }
  return tools.run(
      {.argv = {"dpkg-source", "-x", dsc, work.source_directory()}, .directory = work.tree});
}

// --- Directories

Result<void> copy_directory(const BuildWork& work, const BuildTools& tools) {
  const std::string target = work.source_directory();
  TRY(begin_directory(target, tools));
  const ActingAs acting = TRY(as_builder(tools));
  const fs::path from = work.source.location;
  std::error_code problem;
  for (fs::recursive_directory_iterator entry(from, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    TRY(tools.check_cancel());
    const fs::path path = entry->path();
    if (path.filename() == ".git") {
      entry.disable_recursion_pending();
      continue;
    }
    const fs::path copy = target / path.lexically_relative(from);
    std::error_code failed;
    if (entry->is_symlink(failed))
      fs::copy_symlink(path, copy, failed);
    else if (entry->is_directory(failed))
      fs::create_directory(copy, failed);
    else if (entry->is_regular_file(failed))
      fs::copy_file(path, copy, failed);
    if (failed) return file_error(failed, path.string());
  }
  if (problem) return file_error(problem, from.string());
  return {};
}

// The text with the change; the same text where an earlier run made it.
Result<std::string> changed_text(const std::string& text, const SourceChange& change) {
  Result<std::string> changed = apply_change(text, change);
  const SourceChange back{.file = change.file, .before = change.after, .after = change.before};
  if (!changed && apply_change(text, back)) return text;
  return changed;
}

}  // namespace

std::string BuildWork::source_directory() const {
  const bool in_place = source.kind == SourceKind::Directory && !copies_directory();
  return in_place ? source.location : tree + "/source";
}

bool BuildWork::copies_directory() const {
  return source.kind == SourceKind::Directory &&
         (refresh_ms != 0 || exists(join_path(source.location, ".git")));
}

Result<ActingAs> as_builder(const BuildTools& tools) {
  if (!tools.builder()) return ActingAs();
  return ActingAs::begin(*tools.builder());
}

Result<void> fetch_source(const HostReader& host, const BuildWork& work, BuildTools& tools) {
  switch (work.source.kind) {
    case SourceKind::Git:
      return clone(work, tools);
    case SourceKind::Distribution:
      return fetch_distribution(host, work, tools);
    case SourceKind::Download:
      TRY(download(work, tools));
      return check_archive(work, tools);
    case SourceKind::Tarball:
      return check_archive(work, tools);
    case SourceKind::Directory:
      break;
  }
  return {};
}

Result<void> unpack_to_tree(const BuildWork& work, BuildTools& tools) {
  if (work.source.kind == SourceKind::Distribution) return unpack_distribution(work, tools);
  if (work.copies_directory()) return copy_directory(work, tools);
  if (work.source.kind == SourceKind::Directory || work.source.kind == SourceKind::Git) return {};
  // Again: it may be another day, and a tarball of somebody's another file.
  TRY(check_archive(work, tools));
  TRY(begin_directory(work.source_directory(), tools));
  const ActingAs acting = TRY(as_builder(tools));
  return unpack_source(archive_of(work), work.source_directory(), work.cancel);
}

Result<void> change_source(const BuildWork& work, const BuildTools& tools) {
  if (work.refresh_ms == 0) return {};
  const ActingAs acting = TRY(as_builder(tools));
  struct Replacement {
    std::string path;
    std::string text;
  };
  std::vector<Replacement> replacements;
  const auto changes = TRY(refresh_changes(work.refresh_ms));
  for (const SourceChange& change : changes) {
    const std::string path = join_path(work.source_directory(), change.file);
    const std::string text = TRY(read_whole_file(path, kLargestSource));
    replacements.push_back({.path = path, .text = TRY(changed_text(text, change))});
  }
  // All or none: nothing is written before every text was found.
  for (const Replacement& replacement : replacements) {
    const std::string beside = replacement.path + ".new";
    TRY(write_whole_file(beside, replacement.text));
    if (::rename(beside.c_str(), replacement.path.c_str()) != 0) {
      return system_error(errno, {N_("Could not write {path}"), {{"path", replacement.path}}},
                          replacement.path);
    }
  }
  return {};
}

std::string source_detail(const BuildWork& work, BuildTools& tools) {
  switch (work.source.kind) {
    case SourceKind::Distribution: {
      std::string name = replace_all(std::string(base_name(dsc_of(work))), "_", " ");
      return name.substr(0, name.rfind(".dsc"));
    }
    case SourceKind::Tarball:
    case SourceKind::Download: {
      const auto sum = sha256_of(archive_of(work), tools);
      return sum ? "sha256 " + *sum : std::string();
    }
    case SourceKind::Git: {
      std::string commit;
      const auto asked = tools.run({.argv = {"git", "rev-parse", "HEAD"},
                                    .directory = work.source_directory(),
                                    .on_line = [&commit](std::string_view line) {
                                      commit = std::string(line);
                                      return false;
                                    }});
      return asked ? "commit " + printable(commit) : std::string();
    }
    case SourceKind::Directory:
      break;
  }
  return {};
}

}  // namespace cleave
