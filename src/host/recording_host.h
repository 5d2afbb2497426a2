// Looks through another host and remembers every answer, errors included, so that the same
// questions can be asked again of a MemoryHost: a diagnosis from the record equals the first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/host.h"
#include "host/memory_host.h"

namespace cleave {

struct RecordingLimits {
  std::size_t file = std::size_t{16} << 20U;    // bytes; /proc/cpuinfo of 8,192 processors fits
  std::size_t total = std::size_t{128} << 20U;  // bytes of all files together
  std::size_t nodes = 100'000;                  // as parse_machine
};

class RecordingHost final : public HostReader {
 public:
  explicit RecordingHost(const HostReader& inner, const RecordingLimits& limits = {});

  [[nodiscard]] Result<std::string> read_file(std::string_view path,
                                              std::size_t limit = kDefaultReadLimit) const override;
  [[nodiscard]] Result<std::string> read_at(std::string_view path, std::uint64_t offset,
                                            std::size_t length) const override;
  [[nodiscard]] Result<std::string> kernel_journal(int boot, std::size_t most_lines) const override;
  [[nodiscard]] Result<std::vector<std::string>> list_directory(
      std::string_view path) const override;
  [[nodiscard]] Result<std::string> read_link(std::string_view path) const override;
  [[nodiscard]] Result<FileStatus> status(std::string_view path) const override;
  [[nodiscard]] Result<std::string> real_path(std::string_view path) const override;
  [[nodiscard]] Result<bool> may_access(std::string_view path, Access access) const override;
  [[nodiscard]] std::uint32_t user_id() const override { return inner_.user_id(); }
  [[nodiscard]] bool is_live() const override { return inner_.is_live(); }

  // Answers as `inner` did. What was never asked is "not captured", what the limits did not allow
  // is "cut"; neither is absent.
  [[nodiscard]] const MemoryHost& recorded() const { return recorded_; }
  // Paths that were read or listed but did not fit, sorted.
  [[nodiscard]] std::vector<std::string> cut() const;

 private:
  // The real path, with all that lies on the way recorded; empty where it leads nowhere.
  std::string walk(std::string_view path, bool follow_last) const;
  const MemoryNode& look_at(const std::string& path) const;
  [[nodiscard]] bool has_room() const { return recorded_.nodes().size() < limits_.nodes; }
  void record_content(const std::string& real, const Result<std::string>& content) const;
  // What has no node of its own: kept under a reserved path.
  void record_reserved(const std::string& path, const Result<std::string>& content) const;
  void record_names(const std::string& real, const Result<std::vector<std::string>>& names) const;

  const HostReader& inner_;
  RecordingLimits limits_;
  // Looking is const; remembering it is not.
  mutable MemoryHost recorded_;
  mutable std::size_t total_ = 0;
};

}  // namespace cleave
