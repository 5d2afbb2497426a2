// The doctor's page: escaping, the writer, and what stands in it for machines and invented facts.
#include "cli/render/doctor_html.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "cli/render/doctor_html_parts.h"
#include "cli/render/html.h"
#include "facts/readers/read_facts.h"
#include "support/machine.h"

namespace cleave {
namespace {

std::string page_of(const char* machine) {
  const MemoryHost host = testing::load_machine(machine);
  const Facts facts = read_facts(host);
  return doctor_html(diagnose(facts));
}

bool holds(const std::string& page, std::string_view piece) {
  return page.find(piece) != std::string::npos;
}

std::size_t count(const std::string& page, std::string_view piece) {
  std::size_t found = 0;
  for (std::size_t at = page.find(piece); at != std::string::npos; at = page.find(piece, at + 1)) {
    ++found;
  }
  return found;
}

TEST(EscapeHtml, MarkupBecomesText) {
  EXPECT_EQ(escape_html("<b a=\"1\" c='2'>&amp;"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
  EXPECT_EQ(escape_html("한국어 – ✓"), "한국어 – ✓");
}

TEST(EscapeHtml, WhatCannotBeSeenIsReplaced) {
  EXPECT_EQ(escape_html("a\x1b[1mb"), "a\xEF\xBF\xBD[1mb");
  EXPECT_EQ(escape_html("a\xFF"), "a\xEF\xBF\xBD");
  // U+202E and U+2066 turn the direction; U+2026 (…) and U+2060 do not.
  EXPECT_EQ(escape_html("a\xE2\x80\xAE"
                        "b\xE2\x81\xA6"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(escape_html("\xE2\x80\xA6\xE2\x81\xA0"), "\xE2\x80\xA6\xE2\x81\xA0");
}

TEST(HtmlWriter, ElementsNest) {
  HtmlWriter page;
  {
    const auto outer = page.in("div", {{"title", "a\"b"}});
    page.element("p", "1 < 2");
    page.empty("br", {});
  }
  EXPECT_EQ(page.take(), "<div title=\"a&quot;b\"><p>1 &lt; 2</p><br/></div>\n");
}

TEST(DoctorPage, TellsWaysWithIconAndWord) {
  const std::string page = page_of("comet-lake-plain");
  EXPECT_TRUE(holds(page, "<html lang=\"en\">"));
  for (const char* way : {"gvt-g", "sr-iov", "passthrough", "virtio-gpu"}) {
    EXPECT_TRUE(holds(page, "<h3>" + std::string(way) + "</h3>")) << way;
  }
  EXPECT_TRUE(holds(page, "<span>Needs changes</span>"));
  EXPECT_TRUE(holds(page, "<span>Impossible as it is</span>"));
  EXPECT_TRUE(holds(page, "<code>gvt_g.parameter_enable_gvt</code>"));
  EXPECT_TRUE(holds(page, "/sys/module/i915/parameters/enable_gvt: N"));
}

TEST(DoctorPage, PathTicksWhatIsDone) {
  const std::string before = page_of("comet-lake-plain");
  const std::string after = page_of("comet-lake-one-v5-4-used");
  EXPECT_TRUE(holds(before, "sudo cleave vgpu create"));
  EXPECT_TRUE(holds(before, "It counts after a restart."));
  // There is a vGPU, and nothing but the VM itself is left.
  EXPECT_FALSE(holds(after, "sudo cleave vgpu create"));
  EXPECT_FALSE(holds(after, "It counts after a restart."));
  EXPECT_EQ(count(after, "<li class=\"open\">"), 2U);
}

TEST(DoctorPage, BarsShowHostAndVgpus) {
  const std::string page = page_of("comet-lake-one-v5-4-used");
  EXPECT_TRUE(holds(page,
                    "Aperture, 256 MB: the host keeps 128 MB, vGPUs have 128 MB, 0 MB are "
                    "free."));
  EXPECT_TRUE(holds(page,
                    "Hidden memory, 3840 MB: the host keeps 384 MB, vGPUs have 512 MB, 2944 "
                    "MB are free."));
  EXPECT_TRUE(holds(page, "<rect class=\"live\" x=\"50.000%\" y=\"1\" width=\"50.000%\""));
  const std::string empty = page_of("comet-lake-ready");
  EXPECT_TRUE(holds(empty, "<rect class=\"fits\" x=\"75.000%\" y=\"1\" width=\"25.000%\""));
  EXPECT_FALSE(holds(empty, "<rect class=\"live\" x=\"50"));
}

TEST(DoctorPage, GpuOutsideOfGroupsIsDrawnOutside) {
  const std::string page = page_of("comet-lake-plain");
  EXPECT_TRUE(holds(page, "<rect class=\"frame outside with-gpu\""));
  EXPECT_TRUE(holds(page, "is in no group"));
  const std::string nvidia = page_of("nvidia-only");
  EXPECT_TRUE(holds(nvidia, "<rect class=\"frame with-gpu\""));
  EXPECT_TRUE(holds(nvidia, "these would leave the host with it: 0000:01:00.1."));
  EXPECT_TRUE(holds(nvidia, "class=\"mark-shares\""));
}

TEST(DoctorPage, WithoutGpuOrFactsItSaysSo) {
  EXPECT_TRUE(holds(doctor_html(diagnose(Facts{})), "No GPU was found on this machine."));
  Facts unreadable;
  unreadable.pci_devices = Unreadable{.path = "/sys/bus/pci/devices", .why = "Permission denied"};
  EXPECT_TRUE(holds(doctor_html(diagnose(unreadable)), "PCI devices could not be read"));
}

// A driver may say anything: the page stays small.
TEST(DoctorPage, BoundlessNumbersGiveBoundedBars) {
  const MemoryHost host = testing::load_machine("comet-lake-ready");
  const Facts facts = read_facts(host);
  Diagnosis diagnosis = diagnose(facts);
  ASSERT_FALSE(diagnosis.gpus.empty());
  for (TypeCapacity& type : diagnosis.gpus[0].capacity.types) {
    type.available = UINT32_MAX;
    type.size.low_gm_mb = 1;
    type.size.high_gm_mb = UINT32_MAX;
  }
  EXPECT_LT(doctor_html(diagnosis).size(), 1U << 20U);
}

TEST(RestartRules, AreMarkedInTheirRows) {
  EXPECT_TRUE(counts_after_restart(*find_rule("gvt_g.parameter_enable_gvt")));
  EXPECT_TRUE(counts_after_restart(*find_rule("gvt_g.aperture")));  // a firmware setting
  EXPECT_FALSE(counts_after_restart(*find_rule("gvt_g.module_kvmgt")));
}

}  // namespace
}  // namespace cleave
