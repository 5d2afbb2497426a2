// A command line of QEMU, alone or in a script (qemu-options.hx of QEMU 10).
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/format.h"
#include "base/text.h"
#include "exports/remembered.h"
#include "facts/qemu_command_line.h"
#include "imports/importing.h"
#include "imports/qemu_arguments.h"
#include "imports/shell_script.h"

namespace cleave {
namespace {

constexpr std::uint64_t kDefaultMemory = std::uint64_t{128} << 20U;  // of QEMU (hw/core/machine.c)
constexpr std::uint32_t kMostCpus = 255;

// Options by which a program watches QEMU, or which say how it runs: cleave has its own.
constexpr std::string_view kOwn =
    " qmp monitor mon pidfile daemonize nodefaults no-user-config nodefconfig sandbox S D "
    "msg no-shutdown run-with ";

class OptionsImport {
 public:
  OptionsImport(QemuArguments& arguments, Draft& draft)
      : arguments_(arguments), draft_(draft), vm_(draft.vm) {}

  void run() {
    for (QemuArgument& argument : arguments_.all) read(argument);
    if (vm_.memory_text.empty()) memory_bytes(kDefaultMemory);
    if (vm_.cpus == 0) vm_.cpus = 1;
    if (vm_.topology.sockets == 0) vm_.topology = {.sockets = 1, .cores = vm_.cpus, .threads = 1};
    screen();
  }

 private:
  void read(QemuArgument& argument) {
    const std::string& option = argument.option;
    if (!argument.known) return lose_unknown(argument);
    if (is_word_of(kOwn, option)) return argument.take();
    if (option == "name") return name(argument);
    if (option == "machine" || option == "M") return machine(argument);
    if (option == "accel" || option == "enable-kvm") return accelerator(argument);
    if (option == "cpu") return cpu(argument);
    if (option == "smp") return processors(argument);
    if (option == "m") return memory(argument);
    if (option == "rtc" || option == "localtime") return clock(argument);
    if (option == "global") return global(argument);
    if (option == "kernel") return take_text(argument, vm_.kernel);
    if (option == "initrd") return take_text(argument, vm_.initrd);
    if (option == "append") return take_text(argument, vm_.kernel_arguments);
    if (option == "serial") return serial(argument);
    if (option == "vga") return vga(argument);
    if (option == "display") return display(argument);
    if (option == "vnc" || option == "spice") return server(argument);
    if (option == "nographic") return without_window(argument);
    if (option == "full-screen") {
      vm_.fullscreen = true;
      argument.take();
    }
  }

  void lose_unknown(QemuArgument& argument) {
    draft_.lose(argument.line,
                {N_("-{option}: what stands there only the shell knows that runs the script."),
                 {{"option", printable(argument.option)}}});
    argument.take();
  }

  static void take_text(QemuArgument& argument, std::string& value) {
    value = argument.value;
    argument.take();
  }

  void name(QemuArgument& argument) {
    vm_.name = value_of(split_options(argument.value, "guest"), "guest");
    argument.take();
  }

  void accelerator(QemuArgument& argument) {
    const bool kvm = argument.option == "enable-kvm" || argument.value.starts_with("kvm");
    vm_.accelerator = kvm ? "kvm" : "tcg";
    argument.take();
  }

  void machine(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "type");
    const std::string type(value_of(options, "type"));
    if (!type.empty()) {
      vm_.machine = type.find("q35") != std::string::npos ? "q35" : "pc";
      if (type != vm_.machine) {
        draft_.lose(
            argument.line,
            {N_("The machine {machine}: here it is {other}, in the version of the QEMU that "
                "runs it."),
             {{"machine", printable(type)}, {"other", vm_.machine}}});
      }
    }
    const std::string_view accel = value_of(options, "accel");
    if (!accel.empty()) vm_.accelerator = accel.starts_with("kvm") ? "kvm" : "tcg";
    // The last three cleave derives from other keys.
    constexpr std::string_view kRead = " type accel smm hpet memory-backend ";
    for (const auto& [key, value] : options) {
      if (is_word_of(kRead, key)) continue;
      draft_.lose(argument.line, {N_("-machine {key}={value}"),
                                  {{"key", printable(key)}, {"value", printable(value)}}});
    }
    argument.take();
  }

  // Hyper-V's interfaces are one key where all that cleave gives are there.
  void cpu(QemuArgument& argument) {
    std::vector<std::string> kept;
    std::vector<std::string> hyperv;
    for (const std::string_view part : split(argument.value, ',')) {
      const bool is_hyperv = part.starts_with("hv-");
      (is_hyperv ? hyperv : kept).emplace_back(part);
    }
    constexpr std::size_t kAll = 11;  // vm/command_line.cc, kHyperv
    vm_.hyperv = hyperv.size() == kAll;
    if (!vm_.hyperv) kept.insert(kept.end(), hyperv.begin(), hyperv.end());
    vm_.cpu = join(kept, ",");
    argument.take();
  }

  void processors(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "cpus");
    const auto number = [&options](const char* key) {
      return parse_unsigned<std::uint32_t>(value_of(options, key)).value_or(0);
    };
    const std::uint64_t sockets = std::max(number("sockets"), 1U);
    const std::uint64_t threads = std::max(number("threads"), 1U);
    const std::uint64_t cores = number("cores");
    std::uint64_t cpus = number("cpus");
    if (cpus == 0) cpus = sockets * std::max<std::uint64_t>(cores, 1) * threads;
    vm_.cpus = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(cpus, 1, kMostCpus));
    if (cores > 0 && sockets <= kMostCpus && cores <= kMostCpus && threads <= kMostCpus &&
        sockets * cores * threads == vm_.cpus) {
      vm_.topology = {.sockets = static_cast<std::uint32_t>(sockets),
                      .cores = static_cast<std::uint32_t>(cores),
                      .threads = static_cast<std::uint32_t>(threads)};
    }
    for (const auto& [key, value] : options) {
      if (is_word_of(" cpus sockets cores threads ", key)) continue;
      draft_.lose(argument.line, {N_("-smp {key}={value}"),
                                  {{"key", printable(key)}, {"value", printable(value)}}});
    }
    argument.take();
  }

  void memory_bytes(std::uint64_t bytes) { vm_.memory_text = format("{}M", bytes >> 20U); }

  void memory(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "size");
    const auto size = parse_qemu_size(value_of(options, "size"));
    if (size) memory_bytes(*size);
    if (!size || options.size() > 1) {
      draft_.lose(argument.line, {N_("-m {value}: here the guest has a fixed size of memory."),
                                  {{"value", printable(argument.value)}}});
    }
    argument.take();
  }

  void clock(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "base");
    const std::string_view base = value_of(options, "base");
    if (base == "localtime" || argument.option == "localtime") vm_.clock = "localtime";
    if (base == "utc") vm_.clock = "utc";
    for (const auto& [key, value] : options) {
      const bool derived = key == "driftfix" && value == "slew";
      if (derived || (key == "base" && (value == "utc" || value == "localtime"))) continue;
      draft_.lose(argument.line, {N_("-rtc {key}={value}"),
                                  {{"key", printable(key)}, {"value", printable(value)}}});
    }
    argument.take();
  }

  void global(QemuArgument& argument) {
    const std::string& value = argument.value;
    const bool secure = value == "driver=cfi.pflash01,property=secure,value=on" ||
                        value == "driver=cfi.pflash01,property=secure,on=true" ||
                        value == "ICH9-LPC.disable_s3=1";
    if (value.find("cfi.pflash01") != std::string::npos && secure) vm_.firmware.secure_boot = true;
    if (secure || value == "kvm-pit.lost_tick_policy=delay") argument.take();
  }

  void serial(QemuArgument& argument) {
    const bool none = argument.value == "none" || argument.value == "null";
    vm_.serial = vm_.serial || !none;
    if (!none && !argument.value.starts_with("unix:")) {
      draft_.lose(argument.line, {N_("Where the serial port goes ({value}): here it is a socket."),
                                  {{"value", printable(argument.value)}}});
    }
    argument.take();
  }

  void vga(QemuArgument& argument) {
    vga_ = argument.value;
    if (vga_ == "virtio" && !vm_.gpu) {
      Vm::Gpu gpu;
      gpu.way = "virtio-gpu";
      gpu.mode = "2d";
      vm_.gpu = std::move(gpu);
    } else if (vga_ != "std" && vga_ != "none") {
      draft_.lose(argument.line,
                  {N_("The emulated card {type}: here it is QEMU's standard one (vga)."),
                   {{"type", printable(vga_)}}});
    }
    argument.take();
  }

  void display(QemuArgument& argument) {
    const QemuOptions options = split_options(argument.value, "type");
    const std::string type(value_of(options, "type"));
    constexpr std::string_view kKnown = " gtk sdl dbus egl-headless none ";
    if (is_word_of(kKnown, type)) {
      window_ = type;
    } else {
      draft_.lose(argument.line,
                  {N_("The display {type}: here it is gtk."), {{"type", printable(type)}}});
    }
    vm_.render_node = value_of(options, "rendernode");
    if (parse_switch(value_of(options, "full-screen")).value_or(false)) vm_.fullscreen = true;
    argument.take();
  }

  void server(QemuArgument& argument) {
    server_ = argument.option;
    const bool is_socket = argument.value.starts_with("unix:") ||
                           value_of(split_options(argument.value, ""), "unix") == "on";
    if (!is_socket) {
      draft_.lose(argument.line,
                  {N_("That the screen is seen over the network: here it is on a socket that only "
                      "you can open.")});
    }
    argument.take();
  }

  void without_window(QemuArgument& argument) {
    window_ = "none";
    vm_.serial = true;
    draft_.lose(argument.line, {N_("-nographic puts the serial port on the terminal; here it is a "
                                   "socket.")});
    argument.take();
  }

  void screen() {
    vm_.display = window_.empty() ? "gtk" : window_;
    if (!server_.empty()) vm_.display = server_;
    const bool viewed = vm_.display == "vnc" || vm_.display == "spice" || vm_.display == "dbus" ||
                        vm_.display == "egl-headless";
    if (!viewed) vm_.render_node.clear();
    if (vm_.display != "gtk" && vm_.display != "sdl") vm_.fullscreen = false;
    arguments_.no_card = vga_ == "none";
  }

  QemuArguments& arguments_;
  Draft& draft_;
  Vm& vm_;
  std::string vga_;
  std::string window_;
  std::string server_;
};

// "-device X" → option and value; a word without a hyphen is the first disk (qemu-system(1)).
QemuArguments arguments_of(const std::vector<QemuWord>& words) {
  QemuArguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const QemuWord& word = words[i];
    QemuArgument argument;
    argument.line = word.line;
    argument.known = word.known;
    argument.first = i;
    argument.last = i;
    const bool is_option = word.known && word.text.size() > 1 && word.text.starts_with('-');
    argument.option = is_option ? word.text.substr(word.text.starts_with("--") ? 2 : 1) : "hda";
    if (!is_option) {
      argument.value = word.text;
    } else if (!is_qemu_flag(argument.option) && i + 1 < words.size()) {
      argument.value = words[++i].text;
      argument.known = words[i].known;
      argument.last = i;
    }
    arguments.all.push_back(std::move(argument));
  }
  return arguments;
}

void keep_rest(const QemuArguments& arguments, const std::vector<QemuWord>& words, Draft& draft) {
  for (const QemuArgument& argument : arguments.all) {
    if (argument.taken) continue;
    for (std::size_t i = argument.first; i <= argument.last; ++i) {
      draft.vm.extra_arguments.push_back(words[i].text);
    }
  }
}

std::string remembered_in(std::string_view script) {
  std::string toml;
  for (const std::string_view line : lines(script)) {
    if (line.starts_with(kRememberedLine)) {
      toml += std::string(line.substr(std::string_view(kRememberedLine).size())) + "\n";
    }
  }
  return toml;
}

// Firmware that cleave finds by itself, and variables where it keeps them, nobody has to name.
void forget_usual_firmware(Vm& vm) {
  if (vm.firmware.code.starts_with("/usr/share/")) vm.firmware.code.clear();
  if (vm.firmware.nvram.ends_with("/" + vm.name + "/nvram.fd")) vm.firmware.nvram.clear();
}

}  // namespace

Draft empty_draft() {
  Draft draft;
  Vm& vm = draft.vm;
  vm.qemu = "qemu-system-x86_64";
  vm.machine = "pc";
  vm.accelerator = "tcg";
  vm.clock = "utc";
  vm.pointer = "mouse";
  vm.autostart = "no";
  vm.display = "gtk";
  vm.balloon = false;
  return draft;
}

void read_qemu_words(const std::vector<QemuWord>& words, Draft& draft) {
  QemuArguments arguments = arguments_of(words);
  OptionsImport(arguments, draft).run();
  read_qemu_devices(arguments, draft, QemuDevices::All);
  keep_rest(arguments, words, draft);
}

void read_extra_words(const std::vector<QemuWord>& words, Draft& draft) {
  QemuArguments arguments = arguments_of(words);
  read_qemu_devices(arguments, draft, QemuDevices::WithoutElement);
  keep_rest(arguments, words, draft);
}

Result<Draft> draft_from_qemu(std::string_view text) {
  auto words = qemu_command_of(text);
  if (!words) {
    return error_of(ErrorCode::Malformed, {N_("There is no command in it that starts QEMU.")},
                    {N_("It would begin with the program, such as qemu-system-x86_64.")});
  }
  Draft draft = empty_draft();
  draft.knows_pins = false;
  draft.vm.qemu = words->front().text;
  words->erase(words->begin());
  const std::string toml = remembered_in(text);
  const std::vector<std::string> own = take_own_arguments(toml, *words);
  read_qemu_words(*words, draft);
  Vm& vm = draft.vm;
  vm.extra_arguments.insert(vm.extra_arguments.end(), own.begin(), own.end());
  if (vm.cpu.empty()) vm.cpu = vm.accelerator == "kvm" ? "host" : "qemu64";
  if (vm.hyperv && vm.guest.empty()) vm.guest = "windows";
  if (!toml.empty()) apply_remembered(toml, draft);
  forget_usual_firmware(vm);
  return draft;
}

}  // namespace cleave
