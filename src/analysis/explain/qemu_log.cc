// What QEMU wrote to standard error, alone or in libvirt's log of a VM.
#include <algorithm>

#include "analysis/explain/kinds.h"
#include "analysis/explain/log_messages/message.h"
#include "base/text.h"
#include "facts/kernel_log.h"

namespace cleave {
namespace {

constexpr std::size_t kMostNotes = 2000;

const LogMatcher& matcher() {
  static const LogMatcher kMatcher([] {
    std::vector<const LogMessage*> all;
    for (const LogMessage& message : qemu_messages()) all.push_back(&message);
    return all;
  }());
  return kMatcher;
}

// "qemu-system-x86_64: …", "/usr/bin/qemu-kvm: …": QEMU's error_report() begins with its name.
bool names_qemu(std::string_view text) {
  const std::string_view first = text.substr(0, text.find(' '));
  if (!first.ends_with(':')) return false;
  const std::size_t slash = first.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? first : first.substr(slash + 1);
  return name.starts_with("qemu-system-") || name.starts_with("qemu-kvm") || name == "qemu:" ||
         (name == "kvm:" && text.find("vfio") != std::string_view::npos);
}

bool is_libvirt_line(std::string_view text) {
  return text.starts_with("starting up libvirt version:") ||
         text.find(": starting up libvirt version:") != std::string_view::npos;
}

unsigned recognise_qemu(std::string_view bytes) {
  constexpr std::size_t kLooksAt = 2000;
  std::size_t named = 0;
  std::size_t messages = 0;
  KernelLogReader reader(bytes);
  for (std::size_t i = 0; i < kLooksAt; ++i) {
    const auto line = reader.next();
    if (!line) break;
    if (is_libvirt_line(line->text)) return 92;
    if (names_qemu(line->text)) ++named;
    if (matcher().match(line->text)) ++messages;
  }
  if (named > 0 && messages > 0) return 88;
  if (named > 0) return 70;
  return messages > 0 ? 60 : 0;
}

Explanation explain_qemu(std::string_view bytes) {
  Explanation explanation;
  KernelLogReader reader(bytes);
  while (const auto line = reader.next()) {
    if (explanation.annotations.size() >= kMostNotes) break;
    if (const auto match = matcher().match(line->text)) {
      explanation.annotations.push_back(log_annotation(*match, line->number));
    }
  }
  return explanation;
}

}  // namespace

const Explainer kQemuLogExplainer = {.kind = "qemu-log",
                                     .title = N_("what QEMU said"),
                                     .recognise = recognise_qemu,
                                     .explain = explain_qemu};

}  // namespace cleave
