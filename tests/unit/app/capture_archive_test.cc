// Archives from strangers: whatever is no capture is refused with the place, nothing is unpacked
// to disk.
#include "app/capture_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <functional>

#include "app/machine.h"

namespace cleave {
namespace {

struct Entry {
  std::string name;
  std::string content;
  std::function<void(archive_entry*)> change = {};
};

la_ssize_t append(archive*, void* target, const void* bytes, std::size_t count) {
  static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

std::string packed(const std::vector<Entry>& entries) {
  std::string bytes;
  archive* writer = archive_write_new();
  archive_write_add_filter_zstd(writer);
  archive_write_set_format_gnutar(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open(writer, &bytes, nullptr, append, nullptr);
  for (const Entry& entry : entries) {
    archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.name.c_str());
    archive_entry_set_filetype(header, AE_IFREG);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.content.size()));
    archive_entry_set_perm(header, 0644);
    if (entry.change) entry.change(header);
    EXPECT_EQ(archive_write_header(writer, header), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, entry.content.data(), entry.content.size());
    archive_entry_free(header);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return bytes;
}

std::string problem_of(const std::string& bytes) {
  const auto opened = open_bundle(bytes);
  if (opened) return "";
  EXPECT_EQ(opened.error().code, ErrorCode::Malformed);
  return english(opened.error());
}

std::string manifest(const std::string& nodes) {
  return R"({"schema":"cleave.capture/1","cleave":"0","kernel":"6","time":1,"root":true,"nodes":[)" +
         nodes + "]}";
}
const std::string kOneFile = manifest(R"({"path":"/a","kind":"file","content":3})");

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(CaptureArchive, ASoundOneIsOpened) {
  const auto opened = open_bundle(packed({{kManifestName, kOneFile}, {"tree/a", "abc"}}));
  ASSERT_TRUE(opened) << english(opened.error());
  EXPECT_EQ(*opened->machine.read_file("/a"), "abc");
  // As tar -C DIRECTORY -c . makes it of a captured directory.
  const auto directory = [](archive_entry* entry) { archive_entry_set_filetype(entry, AE_IFDIR); };
  EXPECT_TRUE(open_bundle(packed({{"./", "", directory},
                                  {"./tree/", "", directory},
                                  {"./tree/a", "abc"},
                                  {std::string("./") + kManifestName, kOneFile}})));
}

TEST(CaptureArchive, NamesThatLeadElsewhereAreRefused) {
  std::string deep = "tree";
  for (int i = 0; i < 100; ++i) deep += "/d";
  for (const std::string& name : std::vector<std::string>{
           "../a", "tree/../../a", "/etc/passwd", "tree//a", "tree/./a", "tree/a\nb",
           "tree/\x1b[2J", "tree/" + std::string(2000, 'x'), deep, "tree/\xff\xfe"}) {
    const std::string problem = problem_of(packed({{kManifestName, kOneFile}, {name, "abc"}}));
    EXPECT_TRUE(contains(problem, "refused")) << name << ": " << problem;
  }
}

TEST(CaptureArchive, OnlyPlainFilesAreTaken) {
  const auto symbolic = [](archive_entry* entry) {
    archive_entry_set_filetype(entry, AE_IFLNK);
    archive_entry_set_size(entry, 0);
    archive_entry_set_symlink(entry, "/etc/passwd");
  };
  const auto hard = [](archive_entry* entry) {
    archive_entry_set_size(entry, 0);
    archive_entry_set_hardlink(entry, "tree/a");
  };
  const auto device = [](archive_entry* entry) {
    archive_entry_set_filetype(entry, AE_IFCHR);
    archive_entry_set_size(entry, 0);
  };
  const auto pipe = [](archive_entry* entry) {
    archive_entry_set_filetype(entry, AE_IFIFO);
    archive_entry_set_size(entry, 0);
  };
  EXPECT_TRUE(contains(problem_of(packed({{"tree/a", "", symbolic}})), "tree/a is a link"));
  EXPECT_TRUE(contains(problem_of(packed({{"tree/b", "", hard}})), "tree/b is a link"));
  EXPECT_TRUE(contains(problem_of(packed({{"tree/c", "", device}})), "tree/c is no plain file"));
  EXPECT_TRUE(contains(problem_of(packed({{"tree/d", "", pipe}})), "tree/d is no plain file"));
}

TEST(CaptureArchive, WhatTheManifestDoesNotSayIsRefused) {
  EXPECT_TRUE(contains(problem_of(packed({{"tree/a", "abc"}})), "no cleave-capture.json"));
  EXPECT_TRUE(contains(problem_of(packed({{kManifestName, kOneFile}})), "/a is missing"));
  EXPECT_TRUE(contains(problem_of(packed({{kManifestName, kOneFile}, {"tree/a", "abcd"}})),
                       "does not have the 3 bytes"));
  EXPECT_TRUE(
      contains(problem_of(packed({{kManifestName, kOneFile}, {"tree/a", "abc"}, {"tree/b", "x"}})),
               "tree/b is not in the manifest"));
  EXPECT_TRUE(contains(
      problem_of(packed({{kManifestName, kOneFile}, {"tree/a", "abc"}, {"./tree/a", "x"}})),
      "there twice"));
}

TEST(CaptureArchive, NodesThatAreNotSoundAreRefused) {
  for (const char* node :
       {R"({"path":"a","kind":"file","content":0})", R"({"path":"/../a","error":2})",
        R"({"path":"/a/","error":2})", R"({"path":"/a"})", R"({"path":"/a","kind":"block"})",
        R"({"path":"/a","error":0})", R"({"path":"/a","error":5000})",
        R"({"path":"/a","error":"odd"})", R"({"path":"/a","kind":"file"})",
        R"({"path":"/a","kind":"link"})",
        R"({"path":"/a","kind":"file","listed":true,"read_error":2})",
        R"({"path":"/a","kind":"directory","content":1})", R"({"path":"/a\nb","error":2})",
        R"({"path":"/a","kind":"file","content":99999999999})",
        R"({"path":"/a","kind":"directory","mode":99999999999})",
        R"({"path":"/a","error":2},{"path":"/a","error":2})", "7"}) {
    const std::string problem = problem_of(packed({{kManifestName, manifest(node)}}));
    EXPECT_TRUE(contains(problem, "Node ")) << node << ": " << problem;
  }
  EXPECT_FALSE(problem_of(packed({{kManifestName, "{"}})).empty());
  EXPECT_TRUE(contains(problem_of(packed({{kManifestName, R"({"schema":"x/1"})"}})), "schema"));
}

TEST(CaptureArchive, BombsAreRefused) {
  const std::string large(kCaptureFileBytes + 1, '\0');
  EXPECT_TRUE(contains(problem_of(packed({{"tree/a", large}})), "tree/a is larger"));
  std::vector<Entry> many;
  for (std::size_t i = 0; i <= kCaptureBytes / kCaptureFileBytes + 2; ++i) {
    many.push_back({"tree/" + std::to_string(i), large.substr(1)});
  }
  EXPECT_TRUE(contains(problem_of(packed(many)), "all of them together"));
}

TEST(CaptureArchive, DamageIsTold) {
  std::string noise;
  for (unsigned i = 0; i < 20'000; ++i) noise += static_cast<char>((i * 2654435761U) >> 24U);
  const std::string whole =
      packed({{kManifestName, manifest(R"({"path":"/a","kind":"file","content":20000})")},
              {"tree/a", noise}});
  ASSERT_EQ(problem_of(whole), "");
  for (std::size_t length = 0; length + 1 < whole.size(); length += 97) {
    EXPECT_NE(problem_of(whole.substr(0, length)), "") << length;
  }
  EXPECT_TRUE(contains(problem_of("PK\x03\x04"), "zstd"));
  EXPECT_TRUE(contains(problem_of(""), "zstd"));
  EXPECT_NE(problem_of("\x28\xB5\x2F\xFDrubbish and more rubbish"), "");
}

}  // namespace
}  // namespace cleave
