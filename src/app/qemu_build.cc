#include "app/qemu_build.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "app/installation.h"
#include "app/qemu_build_install.h"
#include "app/qemu_build_proof.h"
#include "app/qemu_build_source.h"
#include "base/format.h"
#include "base/text.h"
#include "lab/cache.h"
#include "qemu_build/refresh.h"
#include "qemu_build/source.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kStateLimit = std::size_t{64} << 10U;
constexpr std::size_t kVersionFileLimit = 256;
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
// du -m of Debian's 7.2.22 for x86_64-softmmu with the options that are on by themselves, g++ 12,
// and a tenth on top: apt's lists and the archive took 67, what is in it 295; objects 268, the
// program and its copy 41; with --enable-debug 628 and 93.
constexpr std::uint64_t kSpaceForSource = 400;
constexpr std::uint64_t kSpaceForBuild = 350;
constexpr std::uint64_t kSpaceForDebug = 450;  // more, with what gdb wants
// A release brings the sources of all its firmware, which Debian takes out. Not measured: what
// QEMU 10's archive says of itself, 130 and 1,000 (app/source_archive.cc).
constexpr std::uint64_t kSpaceForRelease = 1200;
// From there on configure makes a virtual environment of Python (QEMU's configure, mkvenv).
constexpr Version kFirstWithVenv{.major = 8, .minor = 1, .micro = 0};
// The firmware that every VM starts with; Debian takes all of it out of its source.
constexpr const char* kFirmware = "pc-bios/bios-256k.bin";

Result<std::string> absolute(const std::string& path) {
  if (path.empty() || path.starts_with('/')) return normal_path(path.empty() ? "/" : path);
  std::error_code problem;
  const std::string here = fs::current_path(problem).string();
  if (problem) {
    return system_error(problem.value(), {N_("Could not tell the working directory")});
  }
  return normal_path(join_path(here, path));
}

FoundThere what_is_at(const HostReader& host, const std::string& path) {
  const auto real = host.real_path(path);
  const auto status = real ? host.status(*real) : Result<FileStatus>(real.error());
  if (!status) {
    return status.error().code == ErrorCode::NotFound ? FoundThere::Nothing
                                                      : FoundThere::Unreadable;
  }
  return status->kind == FileKind::Directory ? FoundThere::Directory : FoundThere::File;
}

// What is asked for, understood.
struct Wanted {
  BuildSource source;
  ChosenOptions options;
  std::string prefix;        // absolute, or "" for a directory of its own
  std::string keyring;       // absolute, or ""
  std::string source_print;  // fingerprints, as state and record keep them
  std::string configuration;
};

// What is said of a tarball counts for one alone: elsewhere it would be passed over in silence.
Result<void> check_vouchers(const BuildSource& source, const QemuBuildRequest& request) {
  constexpr std::size_t kDigits = 64;
  const bool is_sum =
      request.sha256.size() == kDigits && std::ranges::all_of(request.sha256, [](char letter) {
        return std::isxdigit(static_cast<unsigned char>(letter)) != 0;
      });
  if (!request.sha256.empty() && !is_sum) {
    return error_of(ErrorCode::Malformed,
                    {N_("--sha256 is “{text}”; it must be the 64 hexadecimal digits that sha256sum "
                        "prints"),
                     {{"text", printable(request.sha256)}}});
  }
  const bool is_tarball = source.kind == SourceKind::Tarball || source.kind == SourceKind::Download;
  if (is_tarball || (request.sha256.empty() && request.keyring.empty())) return {};
  return error_of(ErrorCode::Malformed, {N_("{option} is for a tarball, and “{source}” is none"),
                                         {{"option", request.sha256.empty() ? "--key" : "--sha256"},
                                          {"source", printable(request.source)}}});
}

Result<Wanted> understand(const HostReader& host, const QemuBuildRequest& request) {
  Wanted wanted;
  wanted.options = TRY(choose_options(request.with, request.without));
  if (request.refresh_ms != 0) TRY(refresh_changes(request.refresh_ms));
  if (!request.name.empty() && !is_build_name(request.name)) {
    return error_of(
        ErrorCode::Malformed,
        {N_("“{name}” cannot be the name of a QEMU"), {{"name", printable(request.name)}}},
        {N_("A name has letters, digits, dots, hyphens and underscores, at most 63.")});
  }
  const std::string path = TRY(absolute(request.source));
  wanted.source =
      TRY(classify_source(request.source, request.version, path, what_is_at(host, path)));
  if (!request.prefix.empty()) wanted.prefix = TRY(absolute(request.prefix));
  if (!request.keyring.empty()) wanted.keyring = TRY(absolute(request.keyring));
  const BuildSource& source = wanted.source;
  TRY(check_vouchers(source, request));
  wanted.source_print =
      fingerprint({source_kind_name(source.kind), source.location, source.version,
                   lower_case(request.sha256), wanted.keyring, std::to_string(request.refresh_ms)});
  std::vector<std::string> words = {wanted.source_print, wanted.options.targets, wanted.prefix,
                                    request.name};
  words.insert(words.end(), wanted.options.on.begin(), wanted.options.on.end());
  wanted.configuration = fingerprint(words);
  return wanted;
}

std::vector<BuildNeed> all_needs(const ChosenOptions& options, const BuildNeedsOf& what) {
  std::vector<BuildNeed> needs = basic_needs(what);
  for (const BuildNeed& need : needs_of(options)) needs.push_back(need);
  return needs;
}

class Builder {
 public:
  Builder(HostWriter& host, const QemuBuildRequest& request, Wanted wanted, BuildPlaces places)
      : host_(host),
        request_(request),
        wanted_(std::move(wanted)),
        places_(std::move(places)),
        began_(Clock::now()) {
    work_.source = wanted_.source;
    work_.sha256 = request.sha256;
    work_.keyring = wanted_.keyring;
    work_.refresh_ms = request.refresh_ms;
    work_.cancel = request.cancel;
    work_.directory = join_path(places_.work, work_name(wanted_.source, request.refresh_ms));
    work_.tree = work_.directory + "/tree";
  }

  Result<QemuBuildReport> run() {
    if (auto there = already_there()) return report_of(BuildOutcome::AlreadyThere, *there);
    const auto missing =
        missing_needs(host_,
                      all_needs(wanted_.options, {.is_distribution = is(SourceKind::Distribution),
                                                  .is_git = is(SourceKind::Git),
                                                  .is_download = is(SourceKind::Download),
                                                  .checks_signature = !wanted_.keyring.empty()}),
                      places_.builder.has_value());
    if (!missing.empty()) return missing_report(missing);
    TRY(demo_guest_file());  // of which the proof would find out after everything else
    TRY(open_work());
    continued_ = state_.done;
    TRY(check_space());
    BuildTools tools = TRY(open_tools());
    TRY(bring_source(tools));
    const MissingNeeds late = TRY(read_version());
    if (!late.empty()) return missing_report(late);
    TRY(step(BuildStep::Configure, {N_("Configure QEMU {version}"), {{"version", version_text()}}},
             [&] { return configure(tools); }));
    TRY(step(BuildStep::Compile, {N_("Compile QEMU {version}"), {{"version", version_text()}}},
             [&] { return compile(tools); }));
    TRY(step(BuildStep::Install, {N_("Install it into {prefix}"), {{"prefix", prefix_}}},
             [&] { return install(tools); }));
    TRY(step(BuildStep::Prove, {N_("Prove it: ask it what it can do, boot the demo guest")},
             [&] { return prove(tools); }));
    const QemuBuild built = TRY(read_build(host_, places_.builds, name_));
    QemuBuildReport report = report_of(BuildOutcome::Built, built);
    TRY(clean_up());
    return report;
  }

 private:
  [[nodiscard]] bool is(SourceKind kind) const { return wanted_.source.kind == kind; }
  [[nodiscard]] std::string version_text() const { return to_text(version_); }
  [[nodiscard]] std::string log_path() const { return work_.directory + "/build.log"; }
  [[nodiscard]] std::string state_path() const { return work_.directory + "/state.json"; }

  // The same in every respect.
  [[nodiscard]] std::optional<QemuBuild> already_there() const {
    if (request_.fresh) return std::nullopt;
    for (const QemuBuild& build : list_builds(host_)) {
      if (build.record.configuration == wanted_.configuration) return build;
    }
    return std::nullopt;
  }

  [[nodiscard]] QemuBuildReport report_of(BuildOutcome outcome, const QemuBuild& build) const {
    QemuBuildReport report;
    report.outcome = outcome;
    report.build = build;
    report.continued = continued_;
    report.verified =
        !is(SourceKind::Download) || !request_.sha256.empty() || !wanted_.keyring.empty();
    report.log = join_path(build.prefix, "build.log");
    return report;
  }

  [[nodiscard]] QemuBuildReport missing_report(MissingNeeds missing) const {
    QemuBuildReport report;
    report.outcome = BuildOutcome::MissingPackages;
    report.missing = std::move(missing);
    report.continued = continued_;
    report.log = log_path();
    return report;
  }

  // --- The directory of the unfinished build

  Result<void> open_work() {
    TRY(host_.create_directories(work_.directory, 0755));
    lock_ = TRY(try_lock(work_.directory + "/lock"));
    if (request_.fresh) {
      remove_tree(work_.tree);
      remove_tree(state_path());
    }
    if (::mkdir(work_.tree.c_str(), 0755) != 0 && errno != EEXIST) {
      return system_error(errno, {N_("Could not write {path}"), {{"path", work_.tree}}},
                          work_.tree);
    }
    if (places_.builder) {
      TRY(host_.change_owner(work_.tree, places_.builder->user, places_.builder->group));
    }
    // A damaged state counts as none: the work begins anew.
    const auto text = host_.read_file(state_path(), kStateLimit);
    const auto earlier = text ? parse_build_state(*text) : Result<BuildState>(BuildState{});
    state_ =
        continued(earlier ? *earlier : BuildState{}, wanted_.source_print, wanted_.configuration);
    return {};
  }

  Result<BuildTools> open_tools() {
    return BuildTools::open(log_path(), places_.builder, work_.tree, request_.cancel);
  }

  [[nodiscard]] std::uint64_t space_for_source() const {
    const bool may_be_release = is(SourceKind::Tarball) || is(SourceKind::Download);
    return may_be_release ? kSpaceForRelease : kSpaceForSource;
  }

  // Before an hour of work, not after it.
  Result<void> check_space() {
    if (state_.has(BuildStep::Compile)) return {};
    std::uint64_t needed = wanted_.options.has("debug") ? kSpaceForDebug : 0;
    if (!state_.has(BuildStep::Configure)) needed += kSpaceForBuild;
    if (!state_.has(BuildStep::Unpack)) needed += space_for_source();
    struct statvfs space{};
    if (::statvfs(work_.tree.c_str(), &space) != 0) return {};  // then it is seen when it happens
    const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize / kMebibyte;
    if (free >= needed) return {};
    Error error = system_error(
        ENOSPC,
        {N_("There is not enough room: building takes {needed} MiB and {free} MiB are free"),
         {{"needed", needed}, {"free", free}}},
        work_.tree);
    error.remedy = {N_("Make room there, or set XDG_CACHE_HOME to a place with room.")};
    return error;
  }

  // --- Steps

  template <typename Work>
  Result<void> step(BuildStep which, const Message& doing, Work work) {
    if (state_.has(which)) return {};
    if (request_.on_step && !doing.empty()) request_.on_step(doing);
    TRY(work());
    state_.done.push_back(which);
    return host_.replace_file(state_path(), to_text(state_), 0644);
  }

  // Steps at which there is nothing to do for this source are not told.
  Result<void> bring_source(BuildTools& tools) {
    const bool fetches = !is(SourceKind::Directory) && !is(SourceKind::Tarball);
    const bool unpacks =
        work_.source_directory() != wanted_.source.location && !is(SourceKind::Git);
    TRY(step(BuildStep::Fetch, fetches ? Message(N_("Fetch QEMU's source")) : Message(),
             [&] { return fetch_source(host_, work_, tools); }));
    TRY(step(BuildStep::Unpack, unpacks ? Message(N_("Unpack it")) : Message(),
             [&] { return unpack_to_tree(work_, tools); }));
    return step(
        BuildStep::Change,
        request_.refresh_ms == 0 ? Message() : Message(N_("Change how often displays look")),
        [&] { return change_source(work_, tools); });
  }

  // The version decides the name, the place, and what else is needed.
  Result<MissingNeeds> read_version() {
    const std::string source = work_.source_directory();
    const std::string file = join_path(source, "VERSION");
    const std::string text =
        TRY(read_whole_file(file, kVersionFileLimit)
                .context({N_("{path} is no source of QEMU"), {{"path", source}}}));
    version_ = TRY(parse_version_file(text));
    const auto asked = parse_package_version(wanted_.source.version);
    if (!wanted_.source.version.empty() && asked && *asked != version_) {
      return error_of(ErrorCode::Conflict,
                      {N_("The source is QEMU {found}, not {wanted} as --version says."),
                       {{"found", version_text()}, {"wanted", wanted_.source.version}}});
    }
    name_ = request_.name.empty() ? build_name(version_, request_.refresh_ms) : request_.name;
    prefix_ = wanted_.prefix.empty() ? join_path(places_.builds, name_) : wanted_.prefix;
    TRY(check_name());
    forget_what_is_gone();
    if (version_ < kFirstWithVenv) return MissingNeeds{};
    return missing_needs(host_, all_needs(wanted_.options, {.needs_venv = true}),
                         places_.builder.has_value());
  }

  Result<void> check_name() {
    const auto other = read_build(host_, places_.builds, name_);
    if (!other) return {};
    return error_of(
        ErrorCode::Conflict,
        {N_("There is a QEMU {name} already, built in another way."), {{"name", name_}}},
        {N_("Give this one another name (--name), or remove that one: `cleave qemu "
            "remove {name}`."),
         {{"name", name_}}});
  }

  // Kept work (--keep) whose QEMU was removed since.
  void forget_what_is_gone() {
    const bool installed = host_.exists(join_path(prefix_, kBuiltProgram));
    std::erase_if(state_.done, [installed](BuildStep step) {
      return step == BuildStep::Prove || (step == BuildStep::Install && !installed);
    });
  }

  [[nodiscard]] Result<std::vector<std::string>> configure_words() const {
    const std::string firmware = join_path(work_.source_directory(), kFirmware);
    return configure_arguments({.options = wanted_.options,
                                .version = version_,
                                .prefix = prefix_,
                                .without_firmware = !host_.exists(firmware)});
  }

  Result<void> configure(BuildTools& tools) {
    std::vector<std::string> argv = TRY(configure_words());
    argv.insert(argv.begin(), join_path(work_.source_directory(), "configure"));
    {
      const ActingAs acting = TRY(as_builder(tools));
      remove_tree(work_.build());
      TRY(make_directories(work_.build()));
    }
    // Somebody's source directory stays as it is, without Python's own files.
    return tools.run({.argv = argv,
                      .directory = work_.build(),
                      .environment = {{"PYTHONDONTWRITEBYTECODE", "1"}}});
  }

  [[nodiscard]] BuildTools::Run ninja(std::vector<std::string> words) const {
    // Whoever sits at this machine goes first.
    std::vector<std::string> argv = {"nice", "-n", "10", "ninja"};
    if (request_.jobs != 0) argv.push_back(format("-j{}", request_.jobs));
    argv.insert(argv.end(), words.begin(), words.end());
    return {.argv = argv,
            .directory = work_.build(),
            .environment = {{"NINJA_STATUS", "[%f/%t] "}, {"PYTHONDONTWRITEBYTECODE", "1"}}};
  }

  Result<void> compile(BuildTools& tools) {
    BuildTools::Run run = ninja({});
    std::optional<NinjaProgress> first;
    const auto start = Clock::now();
    run.on_line = [&](std::string_view line) {
      const auto now = ninja_progress(line);
      if (now && !first) first = now;
      if (!now || !request_.on_progress) return false;
      const std::chrono::duration<double> seconds = Clock::now() - start;
      request_.on_progress(*now, seconds_left(*first, *now, seconds.count()));
      return false;
    };
    return tools.run(run);
  }

  Result<void> install(BuildTools& tools) {
    {
      const ActingAs acting = TRY(as_builder(tools));
      remove_tree(work_.staging());
    }
    BuildTools::Run run = ninja({"install"});
    run.environment.emplace_back("DESTDIR", work_.staging());
    TRY(tools.run(run));
    TRY(tools.check_cancel());
    // In our own place, what has no record is what an earlier run left.
    if (wanted_.prefix.empty()) remove_tree(prefix_);
    TRY(install_copy(work_.staging() + prefix_, prefix_, tools));
    return wanted_.prefix.empty() ? Result<void>() : link_prefix();
  }

  // So that it is found among the others.
  Result<void> link_prefix() {
    TRY(host_.create_directories(places_.builds, 0755));
    const std::string link = join_path(places_.builds, name_);
    (void)::unlink(link.c_str());
    if (::symlink(prefix_.c_str(), link.c_str()) == 0) return {};
    return system_error(errno, {N_("Could not write {path}"), {{"path", link}}}, link);
  }

  Result<void> prove(BuildTools& tools) {
    const std::string program = join_path(prefix_, kBuiltProgram);
    const BuildProof proof =
        TRY(prove_build(host_, program, wanted_.options, version_, work_.tree + "/prove", tools));
    BuildRecord record;
    record.name = name_;
    record.version = version_text();
    record.source = is(SourceKind::Distribution) ? "distribution" : wanted_.source.location;
    record.source_detail = source_detail(work_, tools);
    record.built_at = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(host_.now().time_since_epoch()).count());
    record.refresh_ms = request_.refresh_ms;
    record.targets = wanted_.options.targets;
    record.options = wanted_.options.on;
    record.configure = TRY(configure_words());
    record.configuration = wanted_.configuration;
    record.displays = proof.abilities.displays;
    record.guest_frames = proof.guest.frames;
    record.guest_frames_per_second = proof.guest.frames_per_second;
    record.seconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_).count());
    TRY(host_.copy_file(log_path(), join_path(prefix_, "build.log")));
    return host_.replace_file(join_path(prefix_, kBuildRecord), to_text(record), 0644);
  }

  Result<void> clean_up() {
    if (request_.keep_work) return {};
    // With the state first: what is left of the rest then counts for nothing.
    TRY(host_.remove_file(state_path()));
    remove_tree(work_.directory);
    return {};
  }

  HostWriter& host_;
  const QemuBuildRequest& request_;
  Wanted wanted_;
  BuildPlaces places_;
  Clock::time_point began_;
  BuildWork work_;
  BuildState state_;
  std::vector<BuildStep> continued_;
  OwnedFd lock_;
  Version version_;
  std::string name_;
  std::string prefix_;
};

}  // namespace

Result<void> check_build_request(const HostReader& host, const QemuBuildRequest& request) {
  TRY(understand(host, request));
  return {};
}

Result<QemuBuildReport> build_qemu(HostWriter& host, const QemuBuildRequest& request) {
  if (!host.is_live()) {
    return error_of(ErrorCode::Unsupported,
                    {N_("QEMU is built on the running machine alone, not for a captured one.")});
  }
  Wanted wanted = TRY(understand(host, request));
  BuildPlaces places = TRY(build_places(host));
  return Builder(host, request, std::move(wanted), std::move(places)).run();
}

MissingNeeds needs_missing_here(const HostReader& host, const ChosenOptions& options) {
  return missing_needs(host, all_needs(options, {}), host.user_id() == 0);
}

}  // namespace cleave
