// Set-ups that cleave does not write for: what the person has to do instead, to the letter.
#include "base/format.h"
#include "base/text.h"
#include "plan/boot/loaders.h"

namespace cleave {
namespace {

Error refusal(const ArgumentsRequest& request, Message message, Message remedy) {
  Error error;
  error.code = ErrorCode::Unsupported;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  for (Field& field : error.remedy.fields) {
    if (field.name == "words") field.value = join(request.words, " ");
  }
  return error;
}

Result<std::vector<Change>> refuse_nixos(const ArgumentsRequest& request) {
  TRY(check_words(request.words));
  std::string list;
  for (const std::string& word : request.words) list += format(" \"{}\"", word);
  return refusal(request,
                 {N_("NixOS makes the kernel's arguments from its own configuration; cleave does "
                     "not write there.")},
                 {N_("Put this into /etc/nixos/configuration.nix: boot.kernelParams = [{list} ]; "
                     "then run: sudo nixos-rebuild boot"),
                  {{"list", list}}});
}

Result<std::vector<Change>> refuse_snap(const ArgumentsRequest& request) {
  return refusal(
      request, {N_("On Ubuntu Core snapd keeps the kernel's arguments.")},
      {N_("Run: sudo snap set system system.kernel.cmdline-append=\"{words}\""), {{"words", ""}}});
}

Result<std::vector<Change>> refuse_unified(const ArgumentsRequest& request) {
  const bool* secure = request.facts.platform.firmware.secure_boot.value();
  if (secure == nullptr || *secure) {
    return refusal(request,
                   {N_("The kernel's arguments are inside a signed image, and under Secure Boot no "
                       "others count.")},
                   {N_("Add {words} to /etc/kernel/cmdline, then build the image anew and sign it "
                       "with your own key."),
                    {{"words", ""}}});
  }
  return refusal(
      request, {N_("The kernel's arguments are inside its image.")},
      {N_("Add {words} to /etc/kernel/cmdline, then build the image anew (mkinitcpio -P, "
          "dracut --force, kernel-install add-all)."),
       {{"words", ""}}});
}

Result<std::vector<Change>> refuse_grub(const ArgumentsRequest& request) {
  return refusal(request,
                 {N_("GRUB's menu was not written by grub-mkconfig, so cleave does not know where "
                     "its next version comes from.")},
                 {N_("Add {words} yourself to the lines that begin with “linux” in {path}."),
                  {{"words", ""}, {"path", request.facts.boot.grub_config.source()}}});
}

}  // namespace

Loader nixos_loader() { return {.writer = BootWriter::Nixos, .add_arguments = refuse_nixos}; }
Loader snap_core_loader() { return {.writer = BootWriter::SnapCore, .add_arguments = refuse_snap}; }
Loader unified_image_loader() {
  return {.writer = BootWriter::UnifiedImage, .add_arguments = refuse_unified};
}
Loader grub_by_hand_loader() {
  return {.writer = BootWriter::GrubByHand, .add_arguments = refuse_grub};
}

}  // namespace cleave
