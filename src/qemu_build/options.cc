#include "qemu_build/options.h"

#include <algorithm>

#include "base/text.h"

namespace cleave {
namespace {

bool is_among(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

BuildNeed module(const char* name, PackageNames packages) {
  return {.kind = NeedKind::Module, .name = name, .packages = packages};
}

std::vector<QemuBuildOption> accelerators() {
  return {
      {.id = "targets",
       .by_default = true,
       .brings = N_("Which machines it emulates, as a list: --with targets=x86_64-softmmu,"
                    "aarch64-softmmu. x86_64-softmmu is always among them."),
       .costs = N_("Each is compiled for itself, with all its devices."),
       .fixed = true},
      {.id = "prefix",
       .by_default = true,
       .brings = N_("Where it is installed: a directory of its own for each build, beside the "
                    "distribution's QEMU. --prefix names another."),
       .costs = N_("Room on the disk for each."),
       .fixed = true},
      {.id = "kvm",
       .by_default = true,
       .enable = "--enable-kvm",
       .disable = "--disable-kvm",
       .brings = N_("The processor runs the guest's instructions itself."),
       .costs = N_("Nothing. Without it everything is emulated, many times slower."),
       .is_in = [](const QemuAbilities& qemu) { return qemu.has_kvm(); }},
      {.id = "vfio",
       .by_default = true,
       .brings = N_("Hands devices of the host to the guest: vGPUs of GVT-g, virtual functions, "
                    "whole GPUs."),
       .costs = N_("Nothing: on Linux every QEMU for x86-64 has it."),
       .fixed = true,
       .is_in = [](const QemuAbilities& qemu) { return qemu.has_device("vfio-pci"); }},
      {.id = "sandbox",
       .by_default = true,
       .enable = "--enable-seccomp",
       .disable = "--disable-seccomp",
       .brings = N_("cleave starts QEMU with system calls that it does not need forbidden, so that "
                    "a guest that breaks out of it gets less far."),
       .costs = N_("One small library."),
       .needs = {module("libseccomp", {.debian = "libseccomp-dev",
                                       .fedora = "libseccomp-devel",
                                       .arch = "libseccomp",
                                       .suse = "libseccomp-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return qemu.sandbox; }},
  };
}

std::vector<QemuBuildOption> displays() {
  return {
      {.id = "gtk",
       .by_default = true,
       .enable = "--enable-gtk",
       .disable = "--disable-gtk",
       .brings = N_("A window on this desktop with menus. It polls a vGPU's picture at the "
                    "monitor's rate, at least every 30 ms."),
       .costs = N_("GTK 3 with all it needs: the largest of the libraries here."),
       .needs = {module("gtk+-3.0", {.debian = "libgtk-3-dev",
                                     .fedora = "gtk3-devel",
                                     .arch = "gtk3",
                                     .suse = "gtk3-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return is_among(qemu.displays, "gtk"); }},
      {.id = "sdl",
       .enable = "--enable-sdl",
       .disable = "--disable-sdl",
       .brings = N_("A plain window. It polls a vGPU's picture every 30 ms, every 10 ms while you "
                    "type or move the mouse."),
       .costs = N_("SDL 2. Needless beside GTK for most."),
       .needs = {module("sdl2", {.debian = "libsdl2-dev",
                                 .fedora = "SDL2-devel",
                                 .arch = "sdl2",
                                 .suse = "libSDL2-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return is_among(qemu.displays, "sdl"); }},
      {.id = "opengl",
       .by_default = true,
       .enable = "--enable-opengl",
       .disable = "--disable-opengl",
       .brings = N_("Shows what vGPUs of GVT-g hand over as DMABUF, which nothing else can; "
                    "needed for 3D with virtio-gpu, too."),
       .costs = N_("libepoxy and Mesa's gbm."),
       .needs = {module("epoxy", {.debian = "libepoxy-dev",
                                  .fedora = "libepoxy-devel",
                                  .arch = "libepoxy",
                                  .suse = "libepoxy-devel"}),
                 module("gbm", {.debian = "libgbm-dev",
                                .fedora = "mesa-libgbm-devel",
                                .arch = "mesa",
                                .suse = "libgbm-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return qemu.opengl; }},
      {.id = "virgl",
       .by_default = true,
       .enable = "--enable-virglrenderer",
       .disable = "--disable-virglrenderer",
       .brings = N_("OpenGL for Linux guests on any GPU, by the virtio-gpu way."),
       .costs = N_("virglrenderer, which draws what the guest asks for in QEMU's own process."),
       .needs = {module("virglrenderer", {.debian = "libvirglrenderer-dev",
                                          .fedora = "virglrenderer-devel",
                                          .arch = "virglrenderer",
                                          .suse = "virglrenderer-devel"})},
       .only_with = "opengl",
       .is_in = [](const QemuAbilities& qemu) { return qemu.has_virgl(); }},
      {.id = "spice",
       .by_default = true,
       .enable = "--enable-spice",
       .disable = "--disable-spice",
       .brings = N_("A viewer apart from QEMU (remote-viewer), with clipboard, sound and USB of "
                    "the viewer's machine. It polls every 30 ms."),
       .costs = N_("spice-server, and what it needs."),
       .needs = {module("spice-server", {.debian = "libspice-server-dev",
                                         .fedora = "spice-server-devel",
                                         .arch = "spice",
                                         .suse = "libspice-server-devel"}),
                 module("spice-protocol", {.debian = "libspice-protocol-dev",
                                           .fedora = "spice-protocol",
                                           .arch = "spice-protocol",
                                           .suse = "spice-protocol-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return qemu.spice; }},
      {.id = "vnc",
       .by_default = true,
       .enable = "--enable-vnc",
       .disable = "--disable-vnc",
       .brings = N_("The picture over the network, and cleave's own screenshots of vGPUs."),
       .costs = N_("Nothing.")},
  };
}

std::vector<QemuBuildOption> sound_and_usb() {
  return {
      {.id = "usb-redirection",
       .by_default = true,
       .enable = "--enable-usb-redir",
       .disable = "--disable-usb-redir",
       .brings = N_("USB devices of the machine at which the viewer sits."),
       .costs = N_("One small library."),
       .needs = {module("libusbredirparser-0.5", {.debian = "libusbredirparser-dev",
                                                  .fedora = "usbredir-devel",
                                                  .arch = "usbredir",
                                                  .suse = "usbredir-devel"})}},
      {.id = "usb-host",
       .by_default = true,
       .enable = "--enable-libusb",
       .disable = "--disable-libusb",
       .brings = N_("USB devices of this machine."),
       .costs = N_("One small library."),
       .needs = {module("libusb-1.0", {.debian = "libusb-1.0-0-dev",
                                       .fedora = "libusb1-devel",
                                       .arch = "libusb",
                                       .suse = "libusb-1_0-devel"})}},
      {.id = "audio-pulse",
       .enable = "--enable-pa",
       .disable = "--disable-pa",
       .brings = N_("Sound through PulseAudio, or PipeWire in its place. SPICE brings its own."),
       .costs = N_("libpulse."),
       .needs = {module("libpulse", {.debian = "libpulse-dev",
                                     .fedora = "pulseaudio-libs-devel",
                                     .arch = "libpulse",
                                     .suse = "libpulse-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return is_among(qemu.audio_drivers, "pa"); }},
      {.id = "audio-pipewire",
       .enable = "--enable-pipewire",
       .disable = "--disable-pipewire",
       .brings = N_("Sound through PipeWire itself. From QEMU 8.1 on."),
       .costs = N_("libpipewire."),
       .needs = {module("libpipewire-0.3", {.debian = "libpipewire-0.3-dev",
                                            .fedora = "pipewire-devel",
                                            .arch = "libpipewire",
                                            .suse = "pipewire-devel"})},
       .since = {8, 1, 0},
       .is_in = [](const QemuAbilities& qemu) { return is_among(qemu.audio_drivers, "pipewire"); }},
      {.id = "audio-alsa",
       .enable = "--enable-alsa",
       .disable = "--disable-alsa",
       .brings = N_("Sound straight to the sound card, on a machine without a sound server."),
       .costs = N_("libasound."),
       .needs = {module("alsa", {.debian = "libasound2-dev",
                                 .fedora = "alsa-lib-devel",
                                 .arch = "alsa-lib",
                                 .suse = "alsa-devel"})},
       .is_in = [](const QemuAbilities& qemu) { return is_among(qemu.audio_drivers, "alsa"); }},
  };
}

std::vector<QemuBuildOption> network_and_disks() {
  return {
      {.id = "slirp",
       .by_default = true,
       .enable = "--enable-slirp",
       .disable = "--disable-slirp",
       .brings = N_("A network for the guest that needs no rights on this machine."),
       .costs = N_("One small library."),
       .needs = {module("slirp", {.debian = "libslirp-dev",
                                  .fedora = "libslirp-devel",
                                  .arch = "libslirp",
                                  .suse = "libslirp-devel"})}},
      {.id = "iscsi",
       .enable = "--enable-libiscsi",
       .disable = "--disable-libiscsi",
       .brings = N_("Disks on a storage server, without the host's own initiator."),
       .costs = N_("libiscsi. Of no use without such a server."),
       .needs = {module("libiscsi", {.debian = "libiscsi-dev",
                                     .fedora = "libiscsi-devel",
                                     .arch = "libiscsi",
                                     .suse = "libiscsi-devel"})}},
      {.id = "tools",
       .enable = "--enable-tools",
       .disable = "--disable-tools",
       .brings = N_("qemu-img and its kin of the same version; the distribution's do as well."),
       .costs = N_("More to compile.")},
  };
}

std::vector<QemuBuildOption> ways_to_build() {
  return {
      {.id = "lto",
       .enable = "--enable-lto",
       .disable = "--disable-lto",
       .brings = N_("The compiler looks at the whole program: somewhat faster where QEMU itself "
                    "works, as for disks and emulation."),
       .costs = N_("Linking takes much longer and much more memory, after each change again.")},
      {.id = "debug",
       .enable = "--enable-debug",
       .disable = "--disable-debug-info",
       .brings = N_("Assertions and all that gdb wants, for looking into QEMU itself."),
       .costs = N_("QEMU runs slower, and the build takes much more of the disk.")},
      {.id = "docs",
       .enable = "--enable-docs",
       .disable = "--disable-docs",
       .brings = N_("QEMU's manual as web pages and man pages."),
       .costs = N_("Sphinx, and more to do."),
       .needs = {{NeedKind::Program,
                  "sphinx-build",
                  {.debian = "python3-sphinx",
                   .fedora = "python3-sphinx",
                   .arch = "python-sphinx",
                   .suse = "python3-Sphinx"}},
                 {NeedKind::PythonModule,
                  "sphinx_rtd_theme",
                  {.debian = "python3-sphinx-rtd-theme",
                   .fedora = "python3-sphinx_rtd_theme",
                   .arch = "python-sphinx_rtd_theme",
                   .suse = "python3-sphinx_rtd_theme"}}}},
  };
}

Error usage(Message message, Message remedy = {}) {
  return error_of(ErrorCode::Malformed, std::move(message), std::move(remedy));
}

Error no_such_option(const std::string& id) {
  std::vector<std::string> known;
  for (const QemuBuildOption& option : qemu_build_options()) known.emplace_back(option.id);
  const auto meant = nearest(id, known);
  return usage(
      {N_("There is no option “{option}” for building QEMU."), {{"option", printable(id)}}},
      meant ? Message(N_("Did you mean “{name}”?"), {{"name", *meant}})
            : Message(N_("“cleave qemu options” shows those there are.")));
}

bool is_target(std::string_view target) {
  constexpr std::size_t kLongest = 40;  // "microblazeel-linux-user" has 23
  const auto is_letter = [](char one) {
    return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '_' || one == '-';
  };
  return target.size() <= kLongest && std::ranges::all_of(target, is_letter) &&
         (target.ends_with("-softmmu") || target.ends_with("-linux-user"));
}

Result<std::string> checked_targets(const std::vector<std::string_view>& targets) {
  std::vector<std::string> kept;
  for (const std::string_view target : targets) {
    if (!is_target(target)) {
      return usage({N_("“{target}” is no target of QEMU; they look like x86_64-softmmu."),
                    {{"target", printable(target)}}});
    }
    if (std::ranges::find(kept, target) == kept.end()) kept.emplace_back(target);
  }
  if (std::ranges::find(kept, kDefaultTargets) == kept.end()) {
    return usage(
        {N_("x86_64-softmmu must be among the targets: cleave's VMs and the proof of the "
            "build run on it.")});
  }
  return join(kept, ",");
}

// What the person said: each id once, and the value of “targets”.
struct Wishes {
  std::vector<std::string> ids;
  std::string targets;
};

Result<Wishes> read_wishes(const std::vector<std::string>& texts) {
  Wishes wishes;
  for (const std::string& text : texts) {
    const std::string start = std::string(kTargetsOption) + "=";
    if (text.starts_with(start)) {
      wishes.targets =
          TRY(checked_targets(split(std::string_view(text).substr(start.size()), ',')));
      continue;
    }
    for (const std::string_view id : split(text, ',')) {
      const QemuBuildOption* option = find_build_option(id);
      if (option == nullptr) return no_such_option(std::string(id));
      wishes.ids.emplace_back(id);
    }
  }
  return wishes;
}

bool contains(const std::vector<std::string>& ids, std::string_view id) {
  return std::ranges::find(ids, id) != ids.end();
}

Result<void> check_wishes(const Wishes& with, const Wishes& without) {
  for (const std::string& id : without.ids) {
    if (contains(with.ids, id)) {
      return usage({N_("“{option}” is both asked for and left out."), {{"option", id}}});
    }
    if (find_build_option(id)->fixed) {
      return usage(
          {N_("“{option}” cannot be left out: it is part of every build."), {{"option", id}}});
    }
  }
  for (const std::string& id : with.ids) {
    const std::string_view needed = find_build_option(id)->only_with;
    if (!needed.empty() && contains(without.ids, needed)) {
      return error_of(ErrorCode::Conflict, {N_("“{option}” needs “{needed}”, which is left out."),
                                            {{"option", id}, {"needed", needed}}});
    }
  }
  return {};
}

bool is_wanted(const QemuBuildOption& option, const Wishes& with, const Wishes& without) {
  if (contains(without.ids, option.id)) return false;
  const std::string_view needed = option.only_with;
  if (!needed.empty() && contains(without.ids, needed)) return false;
  return option.by_default || contains(with.ids, option.id);
}

}  // namespace

const std::vector<QemuBuildOption>& qemu_build_options() {
  static const std::vector<QemuBuildOption> kOptions = [] {
    std::vector<QemuBuildOption> all;
    for (auto* part : {accelerators, displays, sound_and_usb, network_and_disks, ways_to_build}) {
      for (QemuBuildOption& option : part()) all.push_back(std::move(option));
    }
    return all;
  }();
  return kOptions;
}

const QemuBuildOption* find_build_option(std::string_view id) {
  const auto& all = qemu_build_options();
  const auto found = std::ranges::find(all, id, &QemuBuildOption::id);
  return found == all.end() ? nullptr : &*found;
}

bool ChosenOptions::has(std::string_view id) const { return contains(on, id); }

Result<ChosenOptions> choose_options(const std::vector<std::string>& with,
                                     const std::vector<std::string>& without) {
  const Wishes wanted = TRY(read_wishes(with));
  const Wishes refused = TRY(read_wishes(without));
  if (!refused.targets.empty()) {
    return usage({N_("--without takes no targets; --with targets=… names all that are built.")});
  }
  TRY(check_wishes(wanted, refused));
  ChosenOptions chosen;
  if (!wanted.targets.empty()) chosen.targets = wanted.targets;
  for (const QemuBuildOption& option : qemu_build_options()) {
    if (is_wanted(option, wanted, refused)) chosen.on.emplace_back(option.id);
  }
  return chosen;
}

std::vector<BuildNeed> needs_of(const ChosenOptions& chosen) {
  std::vector<BuildNeed> needs;
  for (const QemuBuildOption& option : qemu_build_options()) {
    if (chosen.has(option.id)) needs.insert(needs.end(), option.needs.begin(), option.needs.end());
  }
  return needs;
}

Result<std::vector<std::string>> configure_arguments(const ConfigureRequest& request) {
  std::vector<std::string> words = {
      "--prefix=" + request.prefix, "--target-list=" + request.options.targets,
      // Else it depends on the machine whether it is lib or lib64.
      "--libdir=lib",
      // /etc/qemu/bridge.conf is the machine's, whichever QEMU reads it.
      "--sysconfdir=/etc", "--localstatedir=/var",
      // Compilers that are newer than the source warn of more.
      "--disable-werror", "--disable-guest-agent"};
  for (const QemuBuildOption& option : qemu_build_options()) {
    const bool on = request.options.has(option.id);
    if (request.version < option.since) {
      if (!on) continue;
      return error_of(ErrorCode::Unsupported,
                      {N_("QEMU {version} has no “{option}” yet; it came with {since}."),
                       {{"version", to_text(request.version)},
                        {"option", option.id},
                        {"since", to_text(option.since)}}});
    }
    const char* word = on ? option.enable : option.disable;
    if (*word != '\0') words.emplace_back(word);
  }
  if (request.without_firmware) {
    words.emplace_back("--disable-install-blobs");
    // As debian/rules of Debian's qemu 7.2 has it (FIRMWAREPATH); packages seabios, ipxe-qemu and
    // qemu-system-data.
    words.emplace_back("--firmwarepath=/usr/share/qemu:/usr/share/seabios:/usr/lib/ipxe/qemu");
  }
  return words;
}

std::vector<std::string> options_not_shown(const ChosenOptions& chosen,
                                           const QemuAbilities& abilities) {
  std::vector<std::string> missing;
  for (const QemuBuildOption& option : qemu_build_options()) {
    if (option.is_in == nullptr || !chosen.has(option.id)) continue;
    if (!option.is_in(abilities)) missing.emplace_back(option.id);
  }
  return missing;
}

}  // namespace cleave
