#include "lab/registry.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/format.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/cache.h"

namespace cleave {
namespace {

constexpr std::size_t kRecordBytes = std::size_t{64} << 10U;
constexpr std::size_t kNameLength = 32;

Json to_json(const std::optional<ProcessIdentity>& identity) {
  Json json;
  if (!identity) return json;
  json.set("process_id", identity->process_id);
  json.set("start_time", identity->start_time);
  return json;
}

Error malformed_record() {
  return lab_error(ErrorCode::Malformed,
                   Message(N_("The note about a virtual laptop cannot be understood")));
}

Result<std::optional<ProcessIdentity>> read_identity(const Json* json) {
  if (json == nullptr) return malformed_record();
  if (json->is_null()) return std::optional<ProcessIdentity>();
  const Json* process = json->find("process_id");
  const Json* start = json->find("start_time");
  const auto id = process != nullptr ? process->as_unsigned() : std::nullopt;
  const auto time = start != nullptr ? start->as_unsigned() : std::nullopt;
  if (!id || *id == 0 || *id > 0x7fffffffU || !time) return malformed_record();
  return std::optional(
      ProcessIdentity{.process_id = static_cast<std::uint32_t>(*id), .start_time = *time});
}

bool is_alive(const std::optional<ProcessIdentity>& identity) {
  return identity && identify_process(identity->process_id) == identity;
}

void end_process(const ProcessIdentity& identity) {
  const Result<OwnedFd> process = open_process(identity);
  if (!process) return;
  const Result<void> sent = send_signal_to(*process, SIGKILL);
  if (sent) (void)wait_for_end(*process, std::chrono::seconds(5)).has_value();
}

std::string record_path(const std::string& directory) { return directory + "/laptop.json"; }

Result<void> check_owner(const std::string& directory) {
  struct stat found{};
  if (::lstat(directory.c_str(), &found) != 0) {
    return system_error(errno, Message(N_("Could not read {path}"), {{"path", directory}}),
                        directory);
  }
  if (S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() && (found.st_mode & 077U) == 0) {
    return {};
  }
  return lab_error(ErrorCode::Denied,
                   Message(N_("{path} must be a directory of yours that nobody else may "
                              "enter"),
                           {{"path", directory}}),
                   directory);
}

std::string base_directory() {
  if (::geteuid() == 0) return "/run/cleave/lab";
  const char* runtime = ::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): no setenv
  if (runtime != nullptr && runtime[0] == '/') return format("{}/cleave/lab", runtime);
  return format("/tmp/cleave-lab-{}", ::geteuid());
}

std::string unused_name() {
  static std::atomic<unsigned> count = 0;
  return format("temporary-{}-{}", ::getpid(), ++count);
}

}  // namespace

bool is_laptop_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLength &&
         std::ranges::all_of(name, [](char character) {
           return (character >= 'a' && character <= 'z') ||
                  (character >= 'A' && character <= 'Z') ||
                  (character >= '0' && character <= '9') || character == '-' || character == '_';
         });
}

std::string to_text(const LaptopRecord& record) {
  Json json;
  json.set("name", record.name);
  json.set("laptop", to_json(record.laptop));
  json.set("owner", to_json(record.owner));
  json.set("memory_mb", record.memory_mb);
  json.set("kernel", record.kernel);
  return to_text(json);
}

Result<LaptopRecord> parse_laptop_record(std::string_view text) {
  const Json json = TRY(parse_json(text));
  LaptopRecord record;
  record.name = json.text_of("name");
  if (!is_laptop_name(record.name)) return malformed_record();
  record.laptop = TRY(read_identity(json.find("laptop")));
  record.owner = TRY(read_identity(json.find("owner")));
  const Json* memory = json.find("memory_mb");
  const auto megabytes = memory != nullptr ? memory->as_unsigned() : std::nullopt;
  if (!megabytes || *megabytes > 0xffffffffU) return malformed_record();
  record.memory_mb = static_cast<std::uint32_t>(*megabytes);
  record.kernel = json.text_of("kernel");
  return record;
}

Result<LaptopRegistry> LaptopRegistry::open() { return open_at(base_directory()); }

Result<LaptopRegistry> LaptopRegistry::open_at(const std::string& directory) {
  TRY(make_directories(std::string(std::filesystem::path(directory).parent_path())));
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error(errno, Message(N_("Could not write {path}"), {{"path", directory}}),
                        directory);
  }
  TRY(check_owner(directory));
  return LaptopRegistry(directory);
}

// The caller holds the registry's lock.
Result<std::vector<LaptopRecord>> LaptopRegistry::read_and_reap() const {
  std::vector<LaptopRecord> records;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(directory_, problem), end;
       !problem && entry != end; entry.increment(problem)) {
    if (!entry->is_directory(problem)) continue;
    const std::string directory = entry->path().string();
    const Result<std::string> text = read_whole_file(record_path(directory), kRecordBytes);
    Result<LaptopRecord> record = text ? parse_laptop_record(*text) : text.error();
    // Under the lock a directory without a good note is what a killed process left.
    const bool wanted =
        record && (record->owner ? is_alive(record->owner) : is_alive(record->laptop));
    if (!wanted) {
      if (record && record->laptop) end_process(*record->laptop);
      remove_tree(directory);
      continue;
    }
    record->directory = directory;
    records.push_back(*std::move(record));
  }
  std::ranges::sort(records, {}, &LaptopRecord::name);
  return records;
}

Result<LaptopRecord> LaptopRegistry::claim(const std::string& name) const {
  const OwnedFd lock = TRY(wait_for_lock(directory_ + "/lock", -1, {}));
  const std::vector<LaptopRecord> records = TRY(read_and_reap());
  LaptopRecord record;
  record.name = name.empty() ? unused_name() : name;
  if (!is_laptop_name(record.name)) {
    return lab_error(
        ErrorCode::Malformed,
        Message(N_("“{name}” is no name for a virtual laptop"), {{"name", printable(name)}}), {},
        Message(N_("Use at most 32 letters, digits, “-” and “_”.")));
  }
  record.directory = format("{}/{}", directory_, record.name);
  if (record.agent_socket().size() >= sizeof(sockaddr_un::sun_path)) {
    return system_error(ENAMETOOLONG,
                        Message(N_("Could not write {path}"), {{"path", record.agent_socket()}}));
  }
  if (std::ranges::find(records, record.name, &LaptopRecord::name) != records.end()) {
    return lab_error(ErrorCode::Conflict, Message(N_("The virtual laptop {name} is up already"),
                                                  {{"name", record.name}}));
  }
  record.owner = identify_process(static_cast<std::uint32_t>(::getpid()));
  if (::mkdir(record.directory.c_str(), 0700) != 0) {
    return system_error(errno, Message(N_("Could not write {path}"), {{"path", record.directory}}),
                        record.directory);
  }
  TRY(save(record));
  return record;
}

Result<void> LaptopRegistry::save(const LaptopRecord& record) const {
  const std::string path = record_path(record.directory);
  const std::string partial = path + ".partial";
  TRY(write_whole_file(partial, to_text(record), 0600));
  if (std::rename(partial.c_str(), path.c_str()) == 0) return {};
  return system_error(errno, Message(N_("Could not write {path}"), {{"path", path}}), path);
}

void LaptopRegistry::remove(const LaptopRecord& record) const { remove_tree(record.directory); }

Result<std::vector<LaptopRecord>> LaptopRegistry::list() const {
  const OwnedFd lock = TRY(wait_for_lock(directory_ + "/lock", -1, {}));
  return read_and_reap();
}

Result<LaptopRecord> LaptopRegistry::find(const std::string& name) const {
  for (LaptopRecord& record : TRY(list())) {
    if (record.name == name && !record.owner) return std::move(record);
  }
  return lab_error(ErrorCode::NotFound, Message(N_("No virtual laptop named {name} is up"),
                                                {{"name", printable(name)}}));
}

}  // namespace cleave
