// Where QEMU's picture can be seen: in a desktop session of this machine, or elsewhere.
#include <algorithm>

#include "analysis/rules/checks.h"
#include "analysis/rules/families.h"

namespace cleave {
namespace {

std::string describe(const LoginSession& session) {
  std::string text =
      format("session {}: {}", session.id, session.type.empty() ? std::string("?") : session.type);
  if (session.remote) text += ", remote";
  if (!session.seat.empty()) text += ", " + session.seat;
  if (session.klass == "greeter") text += ", the login screen";
  return text;
}

bool is_desktop(const LoginSession& session) {
  return session.is_graphical() && session.is_of_a_person() && !session.remote &&
         session.state != "closing";
}

// The session that cleave was called in. Programs of a desktop run in the user's own manager, and
// so in none; then each of the user's sessions may be it (for root: each).
bool may_be_own(const Facts& facts, const LoginSession& session) {
  if (const std::string* own = facts.session.own.value()) return session.id == *own;
  const ProcessIds* ids = facts.user.ids.value();
  return ids == nullptr || ids->user == 0 || ids->user == session.user;
}

Outcome check_session(const Subject& subject) {
  const Fact<std::vector<LoginSession>>& sessions = subject.facts.session.sessions;
  // Without logind nobody writes down who is where.
  if (sessions.is_absent()) return Outcome::not_applicable();
  if (const auto unread = missing(sessions)) return Outcome::unknown({*unread});
  std::vector<Evidence> evidence;
  for (const LoginSession& session : *sessions.value()) {
    const Evidence seen{sessions.source(), describe(session)};
    if (is_desktop(session) && may_be_own(subject.facts, session)) return Outcome::pass({seen});
    evidence.push_back(seen);
  }
  if (evidence.empty()) evidence.push_back({sessions.source(), "nobody is logged in"});
  if (const std::string* manager = subject.facts.session.display_manager.value()) {
    evidence.push_back({subject.facts.session.display_manager.source(), *manager});
  }
  return Outcome::fail(std::move(evidence));
}

constexpr Rule kRules[] = {
    {.id = "display.session",
     .scope = RuleScope::Machine,
     .level = RuleLevel::Advice,
     .fixer = Fixer::User,
     .title = N_("You are in a desktop session, where QEMU can open its window"),
     .why = N_("QEMU's own window (gtk, sdl) opens in a desktop session of this machine. Where you "
               "called this from is none: a console, a connection over the network, or a system "
               "without a desktop."),
     .remedy = N_("Start the VM from a desktop session; or put type = \"egl-headless\" or \"none\" "
                  "under [display], and use the guest's own remote desktop, or cleave vm "
                  "screenshot."),
     .check = check_session},
};

}  // namespace

std::span<const Rule> session_rules() { return kRules; }

}  // namespace cleave
