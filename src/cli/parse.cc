#include "cli/parse.h"

#include <CLI/App.hpp>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "base/text.h"

namespace cleave {
namespace {

Error bad_usage(Message message, Message remedy = {}) {
  Error error;
  error.code = ErrorCode::Malformed;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

// One option or positional as the library fills it in.
struct Slot {
  std::string name;
  bool is_switch = false;
  bool given = false;
  std::vector<std::string> values;
};

// A command of the library's tree with the row it stands for; groups ("vgpu") have no row.
struct Leaf {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::deque<Slot> slots;  // addresses stay
};

std::string spelled(const OptionSpec& option) {
  return std::string_view(option.name) == "--help" ? "-h,--help" : option.name;
}

void add_option(CLI::App& app, const OptionSpec& option, std::deque<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = option.name;
  slot.is_switch = option.value == nullptr;
  if (slot.is_switch) {
    app.add_flag(spelled(option), slot.given);
  } else {
    // The last one wins; CommandContext asks for all of them where the row says repeatable.
    app.add_option(option.name, slot.values)->allow_extra_args(false)->expected(1)->take_all();
  }
}

// All words that are no options, for distribute(): the library would give them all to the first
// positional that takes a list.
constexpr const char* kWords = "WORD";

void add_words(CLI::App& app, std::deque<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.name = kWords;
  app.add_option(kWords, slot.values)->expected(0, -1);
}

void silence(CLI::App& app) {
  // Help and errors are ours: translated, and made from the rows.
  app.set_help_flag();
  app.allow_extras();
}

// The library's options cost more than everything else at a start of cleave, and there are hundreds
// of them. A command whose name is not among the words cannot be meant: its branch is not built.
class Tree {
 public:
  // `arguments`: what stands before "--".
  Tree(const std::vector<Command>& commands, const std::vector<std::string>& arguments)
      : commands_(commands), typed_(arguments.begin(), arguments.end()) {
    silence(root_);
    root_.require_subcommand(0, 1);
    Leaf& top = leaves_.emplace_back();
    top.app = &root_;
    for (const OptionSpec& option : common_options()) add_option(root_, option, top.slots);
    add_option(root_, {"--version", nullptr, ""}, top.slots);
    for (const Command& command : commands) add(command);
  }

  // `literal`: what stands behind "--"; it is never an option.
  Result<Invocation> parse(std::vector<std::string> arguments,
                           const std::vector<std::string>& literal) {
    std::ranges::reverse(arguments);  // the library takes them from the back
    try {
      root_.parse(arguments);
    } catch (const CLI::ArgumentMismatch& problem) {
      return mismatch(problem.what());
    } catch (const CLI::ParseError& problem) {
      return bad_usage(Message(N_("The command line is not understood: {why}"),
                               {{"why", std::string_view(problem.what())}}),
                       Message(N_("“cleave --help” shows what can be typed.")));
    }
    Invocation invocation = TRY(collect());
    if (invocation.command != nullptr) {
      TRY(distribute(*invocation.command, literal, invocation.arguments));
      TRY(check_arguments(*invocation.command, invocation.arguments));
    }
    return invocation;
  }

 private:
  void add(const Command& command) {
    CLI::App* parent = &root_;
    const std::vector<std::string_view> parts = words(command.name);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (!typed_.contains(parts[i])) return;
      const std::string group(parts[i]);
      // Several groups can have one of the same name: "vm snapshot", "disk snapshot".
      CLI::App*& known = groups_[{parent, group}];
      if (known == nullptr) known = add_group(*parent, group);
      parent = known;
    }
    if (!typed_.contains(parts.back())) return;
    Leaf& leaf = leaves_.emplace_back();
    leaf.command = &command;
    leaf.app = parent->add_subcommand(std::string(parts.back()));
    silence(*leaf.app);
    for (const OptionSpec& option : common_options()) add_option(*leaf.app, option, leaf.slots);
    for (const OptionSpec& option : command.options) add_option(*leaf.app, option, leaf.slots);
    if (!command.positionals.empty()) add_words(*leaf.app, leaf.slots);
  }

  CLI::App* add_group(CLI::App& parent, const std::string& name) {
    Leaf& leaf = leaves_.emplace_back();
    leaf.app = parent.add_subcommand(name);
    silence(*leaf.app);
    leaf.app->require_subcommand(0, 1);
    for (const OptionSpec& option : common_options()) add_option(*leaf.app, option, leaf.slots);
    return leaf.app;
  }

  Result<Invocation> collect() {
    Invocation invocation;
    const Leaf* deepest = &leaves_.front();
    for (const Leaf& leaf : leaves_) {
      if (!leaf.app->parsed() && leaf.app != &root_) continue;
      if (leaf.app != &root_) deepest = &leaf;
      for (const Slot& slot : leaf.slots) take(slot, invocation);
    }
    // Leaves are listed parents first, so the last parsed one is the command itself.
    invocation.command = deepest->command;
    invocation.help_topic = topic_of(*deepest);
    if (invocation.help || invocation.version) {
      invocation.command = nullptr;
      return invocation;
    }
    TRY(check_extras(*deepest));
    if (deepest->command == nullptr) return missing_command(*deepest);
    return invocation;
  }

  // The library's text starts with the name: "--type: 1 required TEXT missing".
  static Error mismatch(std::string_view why) {
    const std::string_view name = why.substr(0, why.find(':'));
    return bad_usage(Message(N_("{option} needs a value."), {{"option", name}}));
  }

  // Gives the words to the positionals of the row, in order; the last may take all that are left.
  static Result<void> distribute(const Command& command, const std::vector<std::string>& literal,
                                 Arguments& arguments) {
    std::vector<std::string> all = arguments.all(kWords);
    arguments.values.erase(kWords);
    all.insert(all.end(), literal.begin(), literal.end());
    auto positional = command.positionals.begin();
    for (const std::string& word : all) {
      if (positional == command.positionals.end()) {
        return bad_usage(Message(N_("“{word}” is one word too many."), {{"word", word}}));
      }
      arguments.values[positional->name].push_back(word);
      if (!positional->repeatable) ++positional;
    }
    return {};
  }

  static void take(const Slot& slot, Invocation& invocation) {
    if (!slot.given && slot.values.empty()) return;
    if (slot.name == "--json") {
      invocation.json = true;
    } else if (slot.name == "--help") {
      invocation.help = true;
    } else if (slot.name == "--version" && slot.is_switch) {  // “qemu build” takes one of QEMU
      invocation.version = true;
    } else if (slot.name == "--root") {
      invocation.root = slot.values.back();
    } else if (slot.name != "--lang") {
      invocation.arguments.values[slot.name] = slot.values;
    }
  }

  static std::string topic_of(const Leaf& leaf) {
    if (leaf.command != nullptr) return leaf.command->name;
    std::string topic;
    for (const CLI::App* app = leaf.app; app->get_parent() != nullptr; app = app->get_parent()) {
      topic = topic.empty() ? app->get_name() : app->get_name() + " " + topic;
    }
    return topic;
  }

  // Names that could have been meant where `leaf` takes words: sub-commands and options.
  [[nodiscard]] std::vector<std::string> known_names(const Leaf& leaf, bool options) const {
    std::set<std::string> names;
    if (options) {
      for (const Slot& slot : leaf.slots) {
        if (slot.name.starts_with("--")) names.insert(slot.name);
      }
    } else {
      const std::string topic = topic_of(leaf);
      for (const Command& command : commands_) {
        if (command.hidden) continue;
        std::string_view name = command.name;
        if (!topic.empty() && !name.starts_with(topic + " ")) continue;
        if (!topic.empty()) name.remove_prefix(topic.size() + 1);
        names.insert(std::string(name.substr(0, name.find(' '))));
      }
    }
    return {names.begin(), names.end()};
  }

  [[nodiscard]] Result<void> check_extras(const Leaf& leaf) const {
    const std::vector<std::string> extras = root_.remaining(true);
    if (extras.empty()) return {};
    const std::string& word = extras.front();
    const bool option = word.starts_with("-") && word.size() > 1;
    const auto names = known_names(leaf, option);
    const auto meant = nearest(word, names);
    const std::string topic = topic_of(leaf);
    Message remedy =
        meant ? Message(N_("Did you mean “{name}”?"), {{"name", *meant}})
              : Message(N_("“cleave {topic} --help” shows what can be typed."), {{"topic", topic}});
    if (!meant && topic.empty()) remedy = Message(N_("“cleave --help” shows what can be typed."));
    if (option) {
      return bad_usage(Message(N_("There is no option “{option}” here."), {{"option", word}}),
                       std::move(remedy));
    }
    if (leaf.command == nullptr) {
      return bad_usage(Message(N_("There is no command “{command}”."),
                               {{"command", topic.empty() ? word : topic + " " + word}}),
                       std::move(remedy));
    }
    return bad_usage(Message(N_("“{word}” is one word too many."), {{"word", word}}),
                     std::move(remedy));
  }

  [[nodiscard]] Error missing_command(const Leaf& leaf) const {
    const std::string topic = topic_of(leaf);
    const std::string choices = join(known_names(leaf, false), ", ");
    if (topic.empty()) {
      return bad_usage(
          Message(N_("A command is missing: one of {choices}."), {{"choices", choices}}),
          Message(N_("“cleave --help” shows what can be typed.")));
    }
    return bad_usage(Message(N_("“cleave {topic}” needs one of: {choices}."),
                             {{"topic", topic}, {"choices", choices}}));
  }

  static Result<void> check_arguments(const Command& command, const Arguments& arguments) {
    for (const PositionalSpec& positional : command.positionals) {
      if (positional.required && !arguments.has(positional.name)) {
        return bad_usage(
            Message(N_("{name} is missing."), {{"name", std::string_view(positional.name)}}),
            Message(N_("“cleave {topic} --help” shows what can be typed."),
                    {{"topic", std::string_view(command.name)}}));
      }
    }
    for (const OptionSpec& option : command.options) {
      if (!option.repeatable && arguments.all(option.name).size() > 1) {
        return bad_usage(Message(N_("{option} is given more than once."),
                                 {{"option", std::string_view(option.name)}}));
      }
      for (const std::string& value : arguments.all(option.name)) TRY(check_value(option, value));
    }
    return {};
  }

  static Result<void> check_value(const OptionSpec& option, const std::string& value) {
    const std::string_view name = option.name;
    if (option.number && parse_unsigned<std::uint32_t>(value).value_or(0) == 0) {
      return bad_usage(Message(N_("“{value}” is no number that {option} can take"),
                               {{"value", printable(value)}, {"option", name}}));
    }
    if (option.choices == nullptr) return {};
    const std::vector<std::string> choices = option.choices();
    if (std::ranges::find(choices, value) != choices.end()) return {};
    const auto meant = nearest(value, choices);
    return bad_usage(
        Message(N_("{option} is “{value}”; it must be one of: {choices}"),
                {{"option", name}, {"value", printable(value)}, {"choices", join(choices, ", ")}}),
        meant ? Message(N_("Did you mean “{name}”?"), {{"name", *meant}}) : Message());
  }

  const std::vector<Command>& commands_;
  std::set<std::string, std::less<>> typed_;
  CLI::App root_;
  std::map<std::pair<const CLI::App*, std::string>, CLI::App*> groups_;
  std::deque<Leaf> leaves_;  // the root first, parents before their children
};

}  // namespace

const std::vector<OptionSpec>& common_options() {
  static const std::vector<OptionSpec> kOptions = {
      {"--json", nullptr, N_("print JSON: stable, versioned, the same in every language")},
      {"--lang", "LANGUAGE", N_("en or ko; without it, the environment's language")},
      {"--root", "DIRECTORY", N_("look at the machine under this directory instead of /")},
      {"--help", nullptr, N_("show help")},
  };
  return kOptions;
}

std::string language_option(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i].starts_with("--lang=")) return arguments[i].substr(7);
    if (arguments[i] == "--lang" && i + 1 < arguments.size()) return arguments[i + 1];
  }
  return {};
}

Result<Invocation> parse_command_line(const std::vector<std::string>& arguments,
                                      const std::vector<Command>& commands) {
  const auto mark = std::ranges::find(arguments, "--");
  const std::vector<std::string> before(arguments.begin(), mark);
  const std::vector<std::string> literal(mark == arguments.end() ? mark : mark + 1,
                                         arguments.end());
  return Tree(commands, before).parse(before, literal);
}

}  // namespace cleave
