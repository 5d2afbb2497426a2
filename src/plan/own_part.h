// The part of somebody else's file that is cleave's: a marked block at its end, or words in it.
// Pure: texts in, texts out. What is not cleave's stays as it is, byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cleave {

// The lines around a block, without their newline.
inline constexpr std::string_view kBlockBegin =
    "# --- cleave begin: written by `cleave setup`, taken out by `cleave setup --undo` ---";
inline constexpr std::string_view kBlockEnd = "# --- cleave end ---";

// `text` with `lines` in cleave's block at the end; a block that is there is replaced where it
// stands. Each line of `lines` ends with a newline. A file without a newline at its end gets one,
// which belongs to the block.
std::string with_block(std::string_view text, std::string_view lines);

// The lines inside the block; empty optional: there is none, or it is not closed.
std::optional<std::string> block_of(std::string_view text);

// without_block(with_block(text, lines)) == text, if `text` had none. Empty optional as above.
std::optional<std::string> without_block(std::string_view text);

// `text` without those of `words` that stand in it as whole words: between blanks, quotes and ends
// of lines. With each goes one blank before it, or the one behind it at the start of a line.
// Empty optional: none of them is there.
std::optional<std::string> without_words(std::string_view text,
                                         const std::vector<std::string>& words);

// GRUB's environment block (grub-core/lib/envblk.c): lines NAME=VALUE, and "#" up to its length,
// which is kept. Empty optional: it is no such block, or there is no room.
std::optional<std::string> with_grub_variable(std::string_view block, std::string_view name,
                                              std::string_view value);
// Without the lines of these names. Empty optional as above.
std::optional<std::string> without_grub_variables(std::string_view block,
                                                  const std::vector<std::string>& names);

}  // namespace cleave
