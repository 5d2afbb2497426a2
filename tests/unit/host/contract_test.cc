// What every host promises, over both: memory, and a directory as root.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "host/file_host.h"
#include "host/memory_host.h"

namespace cleave {
namespace {

namespace fs = std::filesystem;

// A host to be filled before it is looked at.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual void add_file(const std::string& path, const std::string& content) = 0;
  virtual void add_link(const std::string& path, const std::string& target) = 0;
  virtual void add_directory(const std::string& path) = 0;
  virtual HostWriter& host() = 0;
};

class InMemory final : public Machine {
 public:
  void add_file(const std::string& path, const std::string& content) override {
    host_.add_file(path, content);
  }
  void add_link(const std::string& path, const std::string& target) override {
    host_.add_link(path, target);
  }
  void add_directory(const std::string& path) override { host_.add_directory(path); }
  HostWriter& host() override { return host_; }

 private:
  MemoryHost host_;
};

class InDirectory final : public Machine {
 public:
  InDirectory() {
    std::string name = (fs::temp_directory_path() / "cleave-host-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    host_ = *open_file_host(root_.string());
  }
  ~InDirectory() override { fs::remove_all(root_); }
  void add_file(const std::string& path, const std::string& content) override {
    fs::create_directories(below(path).parent_path());
    std::ofstream(below(path), std::ios::binary) << content;
  }
  void add_link(const std::string& path, const std::string& target) override {
    fs::create_directories(below(path).parent_path());
    fs::create_symlink(target, below(path));
  }
  void add_directory(const std::string& path) override { fs::create_directories(below(path)); }
  HostWriter& host() override { return *host_; }

 private:
  [[nodiscard]] fs::path below(const std::string& path) const { return root_.string() + path; }

  fs::path root_;
  std::unique_ptr<HostWriter> host_;
};

struct Kind {
  const char* name;
  std::unique_ptr<Machine> (*make)();
};

class HostContract : public ::testing::TestWithParam<Kind> {
 protected:
  Machine& machine() { return *machine_; }
  HostWriter& host() { return machine_->host(); }
  template <typename T>
  static ErrorCode code(const Result<T>& result) {
    return result ? ErrorCode::Internal : result.error().code;
  }

 private:
  std::unique_ptr<Machine> machine_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(
    Hosts, HostContract,
    ::testing::Values(
        Kind{"Memory", [] { return std::unique_ptr<Machine>(std::make_unique<InMemory>()); }},
        Kind{"Directory",
             [] { return std::unique_ptr<Machine>(std::make_unique<InDirectory>()); }}),
    [](const auto& kind) { return kind.param.name; });

TEST_P(HostContract, FilesAreReadWhole) {
  const std::string content("a\0b\n\xFF", 5);
  machine().add_file("/proc/x", content);
  EXPECT_EQ(*host().read_file("/proc/x"), content);
  EXPECT_EQ(*host().read_file("/proc//./x"), content);
}

TEST_P(HostContract, AFileBeyondTheLimitIsRefusedAndNotCut) {
  machine().add_file("/x", std::string(100, 'x'));
  EXPECT_TRUE(host().read_file("/x", 100));
  EXPECT_FALSE(host().read_file("/x", 99));
}

TEST_P(HostContract, PiecesOfFilesAreReadWhereTheyStand) {
  machine().add_file("/x", "0123456789");
  EXPECT_EQ(*host().read_at("/x", 0, 4), "0123");
  EXPECT_EQ(*host().read_at("/x", 8, 4), "89");
  EXPECT_EQ(*host().read_at("/x", 99, 4), "");
  EXPECT_EQ(code(host().read_at("/no", 0, 4)), ErrorCode::NotFound);
}

TEST_P(HostContract, MissingThingsAreNotFound) {
  machine().add_file("/file", "");
  for (const char* path : {"/no", "/no/where", "/file/below"}) {
    EXPECT_EQ(code(host().read_file(path)), ErrorCode::NotFound) << path;
    EXPECT_EQ(code(host().list_directory(path)), ErrorCode::NotFound) << path;
    EXPECT_EQ(code(host().read_link(path)), ErrorCode::NotFound) << path;
    EXPECT_EQ(code(host().status(path)), ErrorCode::NotFound) << path;
    EXPECT_EQ(code(host().real_path(path)), ErrorCode::NotFound) << path;
    EXPECT_EQ(code(host().may_access(path, Access::Read)), ErrorCode::NotFound) << path;
    EXPECT_FALSE(host().exists(path));
  }
  EXPECT_EQ(code(host().kernel_journal(0, 10)), ErrorCode::NotFound);
}

TEST_P(HostContract, DirectoriesAreListedSortedAndWithoutDots) {
  machine().add_file("/d/b", "");
  machine().add_file("/d/a/deep", "");
  machine().add_link("/d/c", "nowhere");
  machine().add_directory("/d/.hidden");
  machine().add_file("/d2/x", "");
  EXPECT_EQ(*host().list_directory("/d"), (std::vector<std::string>{".hidden", "a", "b", "c"}));
  EXPECT_FALSE(host().read_file("/d"));
  EXPECT_FALSE(host().list_directory("/d/b"));
}

TEST_P(HostContract, LinksAreFollowedButKeptAsTheyStand) {
  machine().add_file("/sys/devices/gpu/vendor", "0x8086");
  machine().add_link("/sys/bus/gpu", "../devices/gpu");
  machine().add_link("/absolute", "/sys/bus/gpu/vendor");
  EXPECT_EQ(*host().read_link("/sys/bus/gpu"), "../devices/gpu");
  EXPECT_EQ(*host().read_file("/sys/bus/gpu/vendor"), "0x8086");
  EXPECT_EQ(*host().read_file("/absolute"), "0x8086");
  EXPECT_EQ(*host().real_path("/absolute"), "/sys/devices/gpu/vendor");
  EXPECT_EQ(*host().list_directory("/sys/bus/gpu"), std::vector<std::string>{"vendor"});
  EXPECT_EQ(host().status("/sys/bus/gpu")->kind, FileKind::Symlink);
  EXPECT_EQ(host().status("/sys/bus/gpu/vendor")->kind, FileKind::Regular);
  EXPECT_EQ(code(host().read_link("/sys/devices/gpu/vendor")), ErrorCode::Malformed);
}

TEST_P(HostContract, DanglingLinksExistAndCannotBeRead) {
  machine().add_link("/dangling", "nowhere");
  EXPECT_TRUE(host().exists("/dangling"));
  EXPECT_EQ(code(host().read_file("/dangling")), ErrorCode::NotFound);
  EXPECT_EQ(code(host().real_path("/dangling")), ErrorCode::NotFound);
}

TEST_P(HostContract, LinksInACircleEnd) {
  machine().add_link("/a", "b");
  machine().add_link("/b", "a");
  EXPECT_EQ(code(host().read_file("/a")), ErrorCode::Malformed);
  EXPECT_EQ(code(host().real_path("/a")), ErrorCode::Malformed);
}

TEST_P(HostContract, NothingLeadsOutOfTheRoot) {
  machine().add_file("/inside", "mine");
  machine().add_link("/up", "../../../../../../../../../../etc/passwd");
  machine().add_link("/out", "/etc/passwd");
  machine().add_link("/etc-link", "/etc");
  EXPECT_FALSE(host().read_file("/up"));
  EXPECT_FALSE(host().read_file("/out"));
  EXPECT_FALSE(host().read_file("/etc-link/passwd"));
  EXPECT_FALSE(host().real_path("/out"));
  EXPECT_FALSE(host().list_directory("/etc-link"));
  EXPECT_FALSE(host().may_access("/up", Access::Read));
  EXPECT_EQ(*host().read_file("/../../inside"), "mine");
  machine().add_link("/back", "../../inside");
  EXPECT_EQ(*host().read_file("/back"), "mine");
}

TEST_P(HostContract, WritesDoNotLeadOutOfTheRoot) {
  const fs::path outside = fs::temp_directory_path() / "cleave-host-outside";
  fs::remove(outside);
  machine().add_directory("/d");
  machine().add_link("/d/out", outside.string());
  (void)host().replace_file("/d/out", "x");
  (void)host().append_to_file("/d/out", "x");
  (void)host().write_attribute("/d/out", "x");
  (void)host().create_directories("/d/out/sub");
  (void)host().replace_file("/../../../../../../../../.." + outside.string(), "x");
  EXPECT_FALSE(fs::exists(outside));
}

TEST_P(HostContract, ReplaceMakesAndReplaces) {
  machine().add_directory("/etc");
  ASSERT_TRUE(host().replace_file("/etc/new", "1", 0600));
  EXPECT_EQ(*host().read_file("/etc/new"), "1");
  EXPECT_EQ(host().status("/etc/new")->mode, 0600U);
  ASSERT_TRUE(host().replace_file("/etc/new", "22", 0644));
  EXPECT_EQ(*host().read_file("/etc/new"), "22");
  EXPECT_EQ(host().status("/etc/new")->mode, 0600U) << "the mode of a file that was there is kept";
  EXPECT_EQ(*host().list_directory("/etc"), std::vector<std::string>{"new"}) << "nothing left over";
  EXPECT_FALSE(host().replace_file("/no/where", "x"));
}

TEST_P(HostContract, ReplaceFollowsALinkAndLeavesIt) {
  machine().add_file("/real/file", "old");
  machine().add_link("/etc/link", "../real/file");
  ASSERT_TRUE(host().replace_file("/etc/link", "new"));
  EXPECT_EQ(*host().read_file("/real/file"), "new");
  EXPECT_EQ(*host().read_link("/etc/link"), "../real/file");
}

TEST_P(HostContract, ReplaceDoesNotDestroyADanglingLink) {
  machine().add_link("/etc/link", "missing");
  EXPECT_EQ(code(host().replace_file("/etc/link", "x")), ErrorCode::NotFound);
  EXPECT_EQ(*host().read_link("/etc/link"), "missing");
}

TEST_P(HostContract, NewThingsCanBeMadeBelowALinkedDirectory) {
  machine().add_directory("/usr/lib");
  machine().add_link("/lib", "usr/lib");
  ASSERT_TRUE(host().replace_file("/lib/a", "1"));
  ASSERT_TRUE(host().append_to_file("/lib/b", "2"));
  ASSERT_TRUE(host().create_directories("/lib/c/d"));
  EXPECT_EQ(*host().list_directory("/usr/lib"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(*host().read_file("/lib/a"), "1");
  EXPECT_EQ(*host().read_link("/lib"), "usr/lib");
}

TEST_P(HostContract, AnAttributeMustExist) {
  machine().add_file("/sys/x", "0");
  EXPECT_TRUE(host().write_attribute("/sys/x", "1"));
  EXPECT_EQ(host().read_file("/sys/x")->substr(0, 1), "1");
  EXPECT_EQ(code(host().write_attribute("/sys/y", "1")), ErrorCode::NotFound);
  EXPECT_FALSE(host().exists("/sys/y"));
}

TEST_P(HostContract, AppendAddsToTheEnd) {
  machine().add_directory("/var");
  ASSERT_TRUE(host().append_to_file("/var/journal", "a\n", 0600));
  ASSERT_TRUE(host().append_to_file("/var/journal", "b\n"));
  EXPECT_EQ(*host().read_file("/var/journal"), "a\nb\n");
  EXPECT_EQ(host().status("/var/journal")->mode, 0600U);
  EXPECT_EQ(host().status("/var/journal")->size, 4U);
  EXPECT_FALSE(host().append_to_file("/no/where", "x"));
}

TEST_P(HostContract, RemovingTakesOneThing) {
  machine().add_file("/d/a", "");
  machine().add_file("/d/target", "kept");
  machine().add_link("/d/link", "target");
  EXPECT_FALSE(host().remove_directory("/d"));
  EXPECT_EQ(code(host().remove_file("/d/no")), ErrorCode::NotFound);
  EXPECT_FALSE(host().remove_file("/d"));
  EXPECT_TRUE(host().remove_file("/d/a"));
  EXPECT_TRUE(host().remove_file("/d/link"));
  EXPECT_EQ(*host().read_file("/d/target"), "kept");
  EXPECT_TRUE(host().remove_file("/d/target"));
  EXPECT_TRUE(host().remove_directory("/d"));
  EXPECT_FALSE(host().exists("/d"));
}

TEST_P(HostContract, DirectoriesAreMadeWithTheirParents) {
  ASSERT_TRUE(host().create_directories("/var/lib/cleave", 0700));
  ASSERT_TRUE(host().create_directories("/var/lib/cleave", 0755));
  EXPECT_EQ(host().status("/var/lib/cleave")->kind, FileKind::Directory);
  EXPECT_EQ(host().status("/var/lib/cleave")->mode, 0700U);
  machine().add_file("/file", "");
  EXPECT_FALSE(host().create_directories("/file"));
  EXPECT_FALSE(host().create_directories("/file/below"));
}

TEST_P(HostContract, ALockCanBeTakenAgainWhenItIsGone) {
  machine().add_directory("/run");
  {
    const auto lock = host().lock("/run/lock");
    ASSERT_TRUE(lock);
    EXPECT_EQ(code(host().lock("/run/lock")), ErrorCode::Busy);
  }
  EXPECT_TRUE(host().lock("/run/lock"));
}

}  // namespace
}  // namespace cleave
