#include "app/capture_bundle.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace cleave {
namespace {

constexpr const char* kSchema = "cleave.capture/1";
constexpr std::size_t kMaximumPath = 1024;  // those of sysfs have up to 200 bytes
constexpr std::ptrdiff_t kMaximumDepth = 64;
constexpr std::uint64_t kMaximumErrno = 4095;  // MAX_ERRNO, include/linux/err.h
constexpr const char* kNotCapturedWord = "not-captured";
constexpr const char* kCutWord = "cut";

struct KindName {
  FileKind kind;
  std::string_view name;
};
constexpr std::array kKindNames = {
    KindName{FileKind::Regular, "file"}, KindName{FileKind::Directory, "directory"},
    KindName{FileKind::Symlink, "link"}, KindName{FileKind::CharacterDevice, "character-device"},
    KindName{FileKind::Other, "other"}};

// --- writing

Json error_json(int error_number) {
  if (error_number == kNotCaptured) return kNotCapturedWord;
  if (error_number == kCutFromCapture) return kCutWord;
  return error_number;
}

void set_unless_zero(Json& row, std::string_view key, std::uint64_t value) {
  if (value != 0) row.set(key, value);
}

void set_status(Json& row, const FileStatus& status) {
  const auto* const kind = std::ranges::find(kKindNames, status.kind, &KindName::kind);
  row.set("kind", kind->name);
  set_unless_zero(row, "mode", status.mode);
  set_unless_zero(row, "user", status.user);
  set_unless_zero(row, "group", status.group);
  set_unless_zero(row, "size", status.size);
  set_unless_zero(row, "inode", status.inode);
  set_unless_zero(row, "modified", status.modified);
  set_unless_zero(row, "major", status.device_major);
  set_unless_zero(row, "minor", status.device_minor);
}

bool has_content(const MemoryNode& node) {
  return node.error_number == 0 && node.read_error == 0 &&
         node.status.kind != FileKind::Directory && node.status.kind != FileKind::Symlink;
}

Json row_of(const std::string& path, const MemoryNode& node) {
  Json row;
  row.set("path", path);
  if (node.error_number != 0) {
    row.set("error", error_json(node.error_number));
    return row;
  }
  set_status(row, node.status);
  const bool is_listed_directory = node.status.kind == FileKind::Directory && node.listed;
  if (is_listed_directory) row.set("listed", true);
  if (node.read_error != 0) row.set("read_error", error_json(node.read_error));
  if (node.status.kind == FileKind::Symlink) row.set("target", node.content);
  if (has_content(node)) row.set("content", node.content.size());
  if (node.may_read) row.set("may_read", *node.may_read);
  if (node.may_write) row.set("may_write", *node.may_write);
  return row;
}

Json manifest_of(const Capture& capture) {
  Json replaced = Json::object();
  for (const auto& [kind, count] : capture.replaced) replaced.set(kind, count);
  Json left_out = Json::array();
  for (const LeftOut& left : capture.left_out) {
    left_out.push_back(Json::object({{"path", left.path}, {"why", left.why}}));
  }
  Json cut = Json::array();
  for (const std::string& path : capture.cut) cut.push_back(path);
  Json nodes = Json::array();
  for (const auto& [path, node] : capture.machine.nodes()) nodes.push_back(row_of(path, node));
  return Json::object({{"schema", kSchema},
                       {"cleave", capture.cleave_version},
                       {"kernel", capture.kernel},
                       {"time", capture.time},
                       {"root", capture.is_root},
                       {"user_id", capture.machine.user_id()},
                       {"replaced", std::move(replaced)},
                       {"left_out", std::move(left_out)},
                       {"cut", std::move(cut)},
                       {"nodes", std::move(nodes)}});
}

// --- reading

Error malformed(Message message) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = std::move(message);
  error.path = kManifestName;
  return error;
}

Error bad_row(std::size_t row, std::string_view member) {
  return malformed({N_("Node {number} of the capture's manifest is wrong at “{member}”."),
                    {{"number", row}, {"member", member}}});
}

// One node of the manifest; a member of the wrong type or range is remembered and told once.
class Row {
 public:
  explicit Row(const Json& json) : json_(json) {}

  std::string text(const char* key) {
    const Json* member = json_.find(key);
    if (member == nullptr) return {};
    if (member->as_string() == nullptr) wrong_ = key;
    return member->as_string() == nullptr ? std::string() : *member->as_string();
  }
  template <std::unsigned_integral Unsigned>
  Unsigned number(const char* key) {
    const Json* member = json_.find(key);
    if (member == nullptr) return 0;
    const auto value = member->as_unsigned();
    if (!value || *value > std::numeric_limits<Unsigned>::max()) wrong_ = key;
    return static_cast<Unsigned>(value.value_or(0));
  }
  std::optional<bool> flag(const char* key) {
    const Json* member = json_.find(key);
    if (member == nullptr) return std::nullopt;
    if (member->as_bool() == nullptr) wrong_ = key;
    return member->as_bool() == nullptr ? std::nullopt : std::optional(*member->as_bool());
  }
  int error(const char* key) {
    const Json* member = json_.find(key);
    if (member == nullptr) return 0;
    if (const std::string* word = member->as_string()) {
      if (*word == kNotCapturedWord) return kNotCaptured;
      if (*word == kCutWord) return kCutFromCapture;
    }
    const auto value = member->as_unsigned();
    if (!value || *value == 0 || *value > kMaximumErrno) wrong_ = key;
    return wrong_ == key ? kNotCaptured : static_cast<int>(*value);
  }
  FileKind kind() {
    const std::string name = text("kind");
    const auto* const found = std::ranges::find(kKindNames, name, &KindName::name);
    if (found == kKindNames.end()) wrong_ = "kind";
    return found == kKindNames.end() ? FileKind::Other : found->kind;
  }
  [[nodiscard]] bool has(const char* key) const { return json_.find(key) != nullptr; }
  void refuse(const char* key) { wrong_ = key; }
  [[nodiscard]] std::string_view wrong() const { return wrong_; }

 private:
  const Json& json_;
  std::string_view wrong_;
};

FileStatus read_status(Row& row) {
  FileStatus status;
  status.kind = row.kind();
  status.mode = row.number<std::uint32_t>("mode");
  status.user = row.number<std::uint32_t>("user");
  status.group = row.number<std::uint32_t>("group");
  status.size = row.number<std::uint64_t>("size");
  status.inode = row.number<std::uint64_t>("inode");
  status.modified = row.number<std::uint64_t>("modified");
  status.device_major = row.number<std::uint32_t>("major");
  status.device_minor = row.number<std::uint32_t>("minor");
  return status;
}

MemoryNode read_node(Row& row) {
  MemoryNode node;
  node.listed = false;
  node.error_number = row.error("error");
  if (node.error_number != 0) return node;
  node.status = read_status(row);
  node.listed = row.flag("listed").value_or(false);
  if (node.listed && node.status.kind != FileKind::Directory) row.refuse("listed");
  node.read_error = row.error("read_error");
  node.may_read = row.flag("may_read");
  node.may_write = row.flag("may_write");
  if (node.status.kind == FileKind::Symlink) {
    node.content = row.text("target");
    if (node.content.empty() || node.content.size() > kMaximumPath) row.refuse("target");
  }
  // A file that is neither read nor unreadable would be an empty one.
  if (has_content(node) && !row.has("content")) row.refuse("content");
  return node;
}

class CaptureReader {
 public:
  explicit CaptureReader(const ContentReader& read_content) : read_content_(read_content) {
    capture_.machine.become_capture();
  }

  Result<Capture> read(const Json& manifest) {
    if (manifest.text_of("schema") != kSchema) {
      return malformed({N_("The manifest is not one of schema {schema}."), {{"schema", kSchema}}});
    }
    const Json* nodes = manifest.find("nodes");
    const Json::Array* rows = nodes == nullptr ? nullptr : nodes->as_array();
    if (rows == nullptr) return bad_row(0, "nodes");
    if (rows->size() > kCaptureNodes) return bad_row(kCaptureNodes, "nodes");
    TRY(read_head(manifest));
    for (const Json& row : *rows) TRY(add(row));
    return std::move(capture_);
  }

 private:
  Result<void> read_head(const Json& manifest) {
    Row head(manifest);
    capture_.cleave_version = printable(head.text("cleave"));
    capture_.kernel = printable(head.text("kernel"));
    capture_.time = head.number<std::uint64_t>("time");
    capture_.is_root = head.flag("root").value_or(false);
    capture_.machine.set_user_id(head.number<std::uint32_t>("user_id"));
    read_lists(manifest);
    if (!head.wrong().empty()) return bad_row(0, head.wrong());
    return {};
  }

  // For showing only; what is not understood of them is left out.
  void read_lists(const Json& manifest) {
    const auto items = [&manifest](const char* key) -> Json::Array {
      const Json* list = manifest.find(key);
      return list == nullptr || list->as_array() == nullptr ? Json::Array() : *list->as_array();
    };
    for (const Json& left : items("left_out")) {
      capture_.left_out.push_back(
          {.path = printable(left.text_of("path")), .why = printable(left.text_of("why"))});
    }
    for (const Json& path : items("cut")) {
      if (path.as_string() != nullptr) capture_.cut.push_back(printable(*path.as_string()));
    }
    const Json* replaced = manifest.find("replaced");
    if (replaced == nullptr || replaced->as_object() == nullptr) return;
    for (const auto& [kind, count] : *replaced->as_object()) {
      capture_.replaced.emplace_back(printable(kind), count.as_unsigned().value_or(0));
    }
  }

  Result<void> add(const Json& json) {
    ++number_;
    Row row(json);
    const std::string path = row.text("path");
    // As in parse_machine: every parent is a node of its own.
    cost_ += path.size() * static_cast<std::size_t>(std::ranges::count(path, '/'));
    constexpr std::size_t kMaximumCost = std::size_t{128} << 20U;
    if (!is_capturable_path(path) || cost_ > kMaximumCost) return bad_row(number_, "path");
    if (!paths_.insert(path).second) return bad_row(number_, "path");
    MemoryNode node = read_node(row);
    const auto size = row.number<std::uint64_t>("content");
    if (row.has("content") && !has_content(node)) row.refuse("content");
    if (!row.wrong().empty()) return bad_row(number_, row.wrong());
    if (has_content(node)) node.content = TRY(content(path, size));
    capture_.machine.set_node(path, std::move(node));
    return {};
  }

  Result<std::string> content(const std::string& path, std::uint64_t size) {
    if (size > kCaptureFileBytes || total_ + size > kCaptureBytes) {
      return bad_row(number_, "content");
    }
    total_ += size;
    std::string bytes = TRY(read_content_(path, size));
    if (bytes.size() == size) return bytes;
    return malformed({N_("The capture's file {path} does not have the {size} bytes that the "
                         "manifest says."),
                      {{"path", path}, {"size", size}}});
  }

  const ContentReader& read_content_;
  Capture capture_;
  std::set<std::string> paths_;
  std::size_t number_ = 0;
  std::size_t cost_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

bool is_capturable_path(std::string_view path) {
  return path.size() <= kMaximumPath && path.starts_with('/') && normal_path(path) == path &&
         std::ranges::count(path, '/') <= kMaximumDepth && printable(path) == path &&
         path.find_first_of("\n\t") == std::string_view::npos;
}

std::vector<BundleFile> bundle_files(const Capture& capture) {
  std::vector<BundleFile> files;
  files.push_back({.name = kManifestName, .content = to_text(manifest_of(capture)) + "\n"});
  for (const auto& [path, node] : capture.machine.nodes()) {
    if (has_content(node)) files.push_back({.name = kTreeName + path, .content = node.content});
  }
  return files;
}

Result<Capture> read_capture(std::string_view manifest, const ContentReader& read_content) {
  const Json json = TRY(parse_json(manifest).context({N_("reading the manifest of the capture")}));
  return CaptureReader(read_content).read(json);
}

}  // namespace cleave
