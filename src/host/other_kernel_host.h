// The same machine with another of its installed kernels, as far as files tell before it has run:
// the release is that kernel's, and what only the running one could answer is unknown.
#pragma once

#include <string>

#include "host/host.h"

namespace cleave {

class OtherKernelHost final : public HostReader {
 public:
  // `inner` must outlive this. `release`: "6.8.0-62-generic".
  OtherKernelHost(const HostReader& inner, std::string release)
      : inner_(inner), release_(std::move(release)) {}

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

 private:
  const HostReader& inner_;
  std::string release_;
};

}  // namespace cleave
