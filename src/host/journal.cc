#include "host/journal.h"

#include <fcntl.h>
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <ranges>
#include <string_view>

#include "base/format.h"
#include "base/text.h"
#include "host/systemd_library.h"

namespace cleave {
namespace {

constexpr const char* kPlace = "/var/log/journal";
constexpr std::size_t kMostBytes = std::size_t{16} << 20U;
// The kernel's own limit of a message is 2,048 (PRINTK_MESSAGE_MAX, kernel/printk/internal.h).
constexpr std::size_t kMostOfAMessage = 8192;
// How far to step where the journal's lists of a boot are incomplete (src/journal/journalctl.c of
// systemd, discover_next_boot, says why that happens).
constexpr int kMostSteps = 100'000;
// SD_MESSAGE_JOURNAL_STOP (systemd/sd-messages.h): journald ended in order, which it does last.
constexpr const char* kJournalStopped = "MESSAGE_ID=d93fb3c9c24d451a97cea615ce59c00b";

// libsystemd's functions that are used, by their own names.
struct Library {
  decltype(&::sd_journal_open_files_fd) open_files_fd = nullptr;
  decltype(&::sd_journal_close) close = nullptr;
  decltype(&::sd_journal_add_match) add_match = nullptr;
  decltype(&::sd_journal_add_conjunction) add_conjunction = nullptr;
  decltype(&::sd_journal_add_disjunction) add_disjunction = nullptr;
  decltype(&::sd_journal_flush_matches) flush_matches = nullptr;
  decltype(&::sd_journal_seek_head) seek_head = nullptr;
  decltype(&::sd_journal_seek_tail) seek_tail = nullptr;
  decltype(&::sd_journal_next) next = nullptr;
  decltype(&::sd_journal_previous) previous = nullptr;
  decltype(&::sd_journal_get_data) get_data = nullptr;
  decltype(&::sd_journal_get_monotonic_usec) get_monotonic_usec = nullptr;
  decltype(&::sd_journal_set_data_threshold) set_data_threshold = nullptr;
  std::string problem;  // empty: all are there
};

Library load_library() {
  Library loaded;
  void* library = open_systemd_library(loaded.problem);
  if (library == nullptr) return loaded;
  load_function(library, "sd_journal_open_files_fd", loaded.open_files_fd, loaded.problem);
  load_function(library, "sd_journal_close", loaded.close, loaded.problem);
  load_function(library, "sd_journal_add_match", loaded.add_match, loaded.problem);
  load_function(library, "sd_journal_add_conjunction", loaded.add_conjunction, loaded.problem);
  load_function(library, "sd_journal_add_disjunction", loaded.add_disjunction, loaded.problem);
  load_function(library, "sd_journal_flush_matches", loaded.flush_matches, loaded.problem);
  load_function(library, "sd_journal_seek_head", loaded.seek_head, loaded.problem);
  load_function(library, "sd_journal_seek_tail", loaded.seek_tail, loaded.problem);
  load_function(library, "sd_journal_next", loaded.next, loaded.problem);
  load_function(library, "sd_journal_previous", loaded.previous, loaded.problem);
  load_function(library, "sd_journal_get_data", loaded.get_data, loaded.problem);
  load_function(library, "sd_journal_get_monotonic_usec", loaded.get_monotonic_usec,
                loaded.problem);
  load_function(library, "sd_journal_set_data_threshold", loaded.set_data_threshold,
                loaded.problem);
  return loaded;
}

const Library& library() {
  static const Library loaded = load_library();
  return loaded;
}

Error no_library(const std::string& problem) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = {N_("The journal cannot be read: {reason}."), {{"reason", problem}}};
  error.path = kPlace;
  return error;
}

Error journal_error(int error_number) {
  return system_error(error_number,
                      {N_("Could not read the journal in {path}"), {{"path", kPlace}}}, kPlace);
}

bool same(const sd_id128_t& left, const sd_id128_t& right) {
  return left.qwords[0] == right.qwords[0] && left.qwords[1] == right.qwords[1];
}

std::string digits_of(const sd_id128_t& id) {
  std::string digits;
  for (const std::uint8_t byte : id.bytes) digits += format("{:02x}", byte);
  return digits;
}

class Journal {
 public:
  explicit Journal(sd_journal* journal) : journal_(journal) {
    library().set_data_threshold(journal_, kMostOfAMessage);
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() { library().close(journal_); }

  // Empty: no such boot. Negative values of libsystemd are errnos.
  Result<std::optional<sd_id128_t>> find_boot(const JournalQuestion& question) {
    const Library& systemd = library();
    systemd.seek_tail(journal_);
    const int found = systemd.previous(journal_);
    if (found < 0) return journal_error(-found);
    std::optional<sd_id128_t> boot;
    if (found == 0) return boot;
    boot = here();
    int age = 0;
    // A journal that has nothing of the running boot begins with the one before.
    if (boot && !question.running_boot.empty() && digits_of(*boot) != question.running_boot) {
      age = 1;
    }
    if (age > -question.boot) return std::optional<sd_id128_t>();
    for (; boot && age < -question.boot; ++age) boot = boot_before(*boot);
    return boot;
  }

  // The last messages of the boot, oldest first.
  Result<std::string> messages(const sd_id128_t& boot, std::size_t most_lines) {
    const Library& systemd = library();
    systemd.flush_matches(journal_);
    systemd.add_match(journal_, "_TRANSPORT=kernel", 0);
    systemd.add_disjunction(journal_);
    systemd.add_match(journal_, kJournalStopped, 0);
    systemd.add_conjunction(journal_);
    systemd.add_match(journal_, ("_BOOT_ID=" + digits_of(boot)).c_str(), 0);
    systemd.seek_tail(journal_);
    std::vector<std::string> entries;
    std::size_t size = 0;
    while (entries.size() < most_lines && size < kMostBytes) {
      const int found = systemd.previous(journal_);
      if (found < 0 && entries.empty()) return journal_error(-found);
      if (found <= 0) break;
      entries.push_back(entry());
      size += entries.back().size();
    }
    std::string text;
    text.reserve(size);
    for (const std::string& lines_of_entry : std::views::reverse(entries)) text += lines_of_entry;
    return text;
  }

 private:
  [[nodiscard]] std::optional<sd_id128_t> here() const {
    std::uint64_t time = 0;
    sd_id128_t boot{};
    if (library().get_monotonic_usec(journal_, &time, &boot) < 0) return std::nullopt;
    return boot;
  }

  // From the first entry of `boot` one step back, as journalctl does.
  std::optional<sd_id128_t> boot_before(const sd_id128_t& boot) {
    const Library& systemd = library();
    systemd.flush_matches(journal_);
    systemd.add_match(journal_, ("_BOOT_ID=" + digits_of(boot)).c_str(), 0);
    systemd.seek_head(journal_);
    const int first = systemd.next(journal_);
    systemd.flush_matches(journal_);
    if (first <= 0) return std::nullopt;
    for (int step = 0; step < kMostSteps; ++step) {
      if (systemd.previous(journal_) <= 0) return std::nullopt;
      const auto found = here();
      if (found && !same(*found, boot)) return found;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string_view field(const char* name) const {
    const void* data = nullptr;
    std::size_t length = 0;
    if (library().get_data(journal_, name, &data, &length) < 0) return {};
    const std::string_view whole(static_cast<const char*>(data), length);
    const std::size_t equals = whole.find('=');
    return equals == std::string_view::npos ? std::string_view() : whole.substr(equals + 1);
  }

  // One line, or more where the message has several; each with the time in front.
  [[nodiscard]] std::string entry() const {
    std::uint64_t time = 0;
    sd_id128_t boot{};
    (void)library().get_monotonic_usec(journal_, &time, &boot);
    const std::string prefix = format("[{:5}.{:06}] ", time / 1'000'000, time % 1'000'000);
    // Data is only valid until the next field is asked for.
    std::string writer(field("SYSLOG_IDENTIFIER"));
    if (writer == "kernel") writer.clear();
    if (!writer.empty()) {
      const std::string process(field("SYSLOG_PID"));
      writer += process.empty() ? std::string(": ") : format("[{}]: ", process);
    }
    std::string text;
    const std::string_view message = field("MESSAGE").substr(0, kMostOfAMessage);
    for (const std::string_view line : split(message, '\n')) {
      text.append(prefix).append(writer).append(line).append("\n");
    }
    return text;
  }

  sd_journal* journal_;
};

// 0 or an errno. libsystemd takes the descriptors if it succeeds, and leaves them if not
// (sd_journal_open_files_fd, src/libsystemd/sd-journal/sd-journal.c): it gets copies.
int try_open(const std::vector<const OwnedFd*>& files, std::unique_ptr<Journal>& journal) {
  std::vector<OwnedFd> copies;
  std::vector<int> descriptors;
  for (const OwnedFd* file : files) {
    copies.emplace_back(::fcntl(file->get(), F_DUPFD_CLOEXEC, 0));
    if (!copies.back().is_open()) return errno;
    descriptors.push_back(copies.back().get());
  }
  sd_journal* opened = nullptr;
  const int result = library().open_files_fd(&opened, descriptors.data(),
                                             static_cast<unsigned>(descriptors.size()), 0);
  if (result < 0) return -result;
  for (OwnedFd& copy : copies) (void)copy.release();
  journal = std::make_unique<Journal>(opened);
  return 0;
}

// One damaged file makes libsystemd refuse all: then each is tried alone.
Result<std::unique_ptr<Journal>> open_journal(const std::vector<OwnedFd>& files) {
  std::unique_ptr<Journal> journal;
  std::vector<const OwnedFd*> all;
  for (const OwnedFd& file : files) all.push_back(&file);
  int error_number = try_open(all, journal);
  if (error_number == 0) return journal;
  std::vector<const OwnedFd*> good;
  for (const OwnedFd* file : all) {
    std::unique_ptr<Journal> alone;
    if (try_open({file}, alone) == 0) good.push_back(file);
  }
  if (!good.empty()) error_number = try_open(good, journal);
  if (error_number != 0) return journal_error(error_number);
  return journal;
}

// When the file was begun, or (with "~") put aside, in microseconds of the clock: hexadecimal in
// its name (src/libsystemd/sd-journal/journal-file.c, journal_file_archive and
// journal_file_dispose). Empty if it is no file of the system's messages.
std::optional<std::uint64_t> time_of(std::string_view name) {
  constexpr std::string_view kArchived = "system@";
  if (!name.starts_with(kArchived)) return std::nullopt;
  name.remove_prefix(kArchived.size());
  const bool damaged = name.ends_with(".journal~");
  if (!damaged && !name.ends_with(".journal")) return std::nullopt;
  name = name.substr(0, name.rfind('.'));
  const auto parts = split(name, '-');
  // "SEQNUMID-SEQNUM-REALTIME", or "REALTIME-RANDOM" of a damaged one.
  if (parts.size() != (damaged ? 2U : 3U)) return std::nullopt;
  return parse_unsigned<std::uint64_t>(damaged ? parts.front() : parts.back(), 16);
}

}  // namespace

std::vector<std::string> newest_journal_files(const std::vector<std::string>& names) {
  std::vector<std::pair<std::uint64_t, std::string>> archived;
  std::vector<std::string> files;
  for (const std::string& name : names) {
    if (name == "system.journal") files.push_back(name);
    if (const auto time = time_of(name)) archived.emplace_back(*time, name);
  }
  std::ranges::sort(archived, std::ranges::greater());
  for (const auto& [time, name] : archived) {
    if (files.size() >= kMostJournalFiles) break;
    files.push_back(name);
  }
  return files;
}

Result<std::string> read_kernel_journal(const std::vector<OwnedFd>& files,
                                        const JournalQuestion& question) {
  if (!library().problem.empty()) return no_library(library().problem);
  const std::unique_ptr<Journal> journal = TRY(open_journal(files));
  const std::optional<sd_id128_t> boot = TRY(journal->find_boot(question));
  if (!boot) return journal_error(ENOENT);
  std::string text = TRY(journal->messages(*boot, question.most_lines));
  if (text.empty()) return journal_error(ENOENT);
  return text;
}

}  // namespace cleave
