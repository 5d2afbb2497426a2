// The generated pages of the rules, in both languages: all there, and every link leads somewhere.
#include "cli/render/rules_reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include "analysis/rule.h"
#include "base/text.h"
#include "cli/render/translate.h"
#include "host/host.h"
#include "host/program.h"

namespace cleave {
namespace {

std::string locales() { return join_path(directory_name(own_program().value_or("")), "locale"); }

using Pages = std::map<std::string, std::string>;

Pages pages_in(const char* language) {
  choose_language(language, locales());
  Pages pages;
  for (ReferencePage& page : rules_reference()) {
    EXPECT_TRUE(pages.emplace(page.path, std::move(page.text)).second) << page.path;
  }
  choose_language("en", locales());
  return pages;
}

// As GitHub makes them of headings in ASCII.
std::set<std::string> anchors_of(const std::string& text) {
  static const std::regex kHeading("(?:^|\n)#+ ([^\n]+)");
  std::set<std::string> anchors;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), kHeading);
       at != std::sregex_iterator(); ++at) {
    std::string anchor = (*at)[1];
    std::ranges::replace(anchor, ' ', '-');
    anchors.insert(anchor);
  }
  return anchors;
}

void expect_links(const Pages& pages) {
  static const std::regex kLink("\\]\\(([^)#]*)(#[^)]*)?\\)");
  for (const auto& [path, text] : pages) {
    for (auto at = std::sregex_iterator(text.begin(), text.end(), kLink);
         at != std::sregex_iterator(); ++at) {
      const auto target =
          (std::filesystem::path(path).parent_path() / (*at)[1].str()).lexically_normal().string();
      const auto page = pages.find(target);
      ASSERT_NE(page, pages.end()) << path << " → " << target;
      if (!(*at)[2].matched) continue;
      EXPECT_TRUE(anchors_of(page->second).contains((*at)[2].str().substr(1)))
          << path << " → " << (*at)[0];
    }
  }
}

TEST(RulesReference, EveryRuleHasItsPageAndEveryLinkItsTarget) {
  for (const char* language : {"en", "ko"}) {
    SCOPED_TRACE(language);
    const Pages pages = pages_in(language);
    for (const Rule* rule : all_rules()) {
      const std::string path = std::string("rules/") + rule->id + ".md";
      ASSERT_TRUE(pages.contains(path)) << path;
      EXPECT_TRUE(pages.at(path).starts_with(std::string("# ") + rule->id + "\n"));
      EXPECT_NE(pages.at("README.md").find("(" + path + ")"), std::string::npos) << path;
    }
    EXPECT_EQ(pages.size(), all_rules().size() + 2);
    expect_links(pages);
  }
}

TEST(RulesReference, IsTranslated) {
  const Pages english = pages_in("en");
  const Pages korean = pages_in("ko");
  EXPECT_NE(english.at("ways.md"), korean.at("ways.md"));
  EXPECT_NE(english.at("rules/gvt_g.kvm.md"), korean.at("rules/gvt_g.kvm.md"));
}

TEST(RulesReference, NamesTheModesThatNeedARule) {
  const Pages pages = pages_in("en");
  const std::string& text = pages.at("rules/passthrough.igd_generation.md");
  EXPECT_NE(text.find("[passthrough igd-legacy](../ways.md#passthrough-igd-legacy)"),
            std::string::npos);
  EXPECT_EQ(text.find("igd-uefi"), std::string::npos);
}

}  // namespace
}  // namespace cleave
