// QEMU's answers, as any program could give them, and the file in which they are kept.
#include "facts/packages.h"
#include "facts/qemu.h"
#include "facts/qemu_questions.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = cleave::fuzz::text_of(data, size);
  const cleave::QemuIdentity identity = {.path = "/usr/bin/qemu-system-x86_64",
                                         .inode = 7,
                                         .size = 100,
                                         .modified = 1700000000,
                                         .modules = "ab"};
  // What was understood is written so that it is understood alike.
  if (const auto kept = cleave::parse_qemu_file(text, identity)) {
    const auto again = cleave::parse_qemu_file(cleave::qemu_file(identity, *kept), identity);
    cleave::fuzz::require(again && *again == *kept);
    (void)kept->opengl_displays();
  }
  for (const std::string& word : cleave::words_in_help(text)) cleave::fuzz::require(!word.empty());
  for (const auto& names :
       {cleave::displays_in_long_help(text), cleave::audio_drivers_in_examples(text)}) {
    for (const std::string& name : names) cleave::fuzz::require(!name.empty());
  }
  (void)cleave::parse_package_version(cleave::changelog_version(text));
  (void)cleave::dpkg_version(text, "libvirglrenderer1");
  const std::string excerpt = cleave::dpkg_excerpt(text);
  cleave::fuzz::require(cleave::dpkg_excerpt(excerpt) == excerpt);
  (void)cleave::pacman_version(text, "mesa");
  const auto json = cleave::parse_json(text);
  if (!json) return 0;
  std::string package;
  (void)cleave::version_in_reply(*json, package);
  (void)cleave::properties_in_reply(*json, {"display", "ramfb"});
  (void)cleave::machines_in_reply(*json);
  (void)cleave::accelerators_in_reply(*json);
  (void)cleave::has_command_line_option(*json, "sandbox");
  (void)cleave::schema_in_reply(*json);
  return 0;
}
