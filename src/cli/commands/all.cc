#include "cli/commands/all.h"

namespace cleave {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> kCommands = {
      kUpCommand,           kDoctorCommand,      kSetupCommand,      kExplainCommand,
      kCaptureCommand,      kDevicesCommand,     kVgpuTypesCommand,  kVgpuListCommand,
      kVgpuCreateCommand,   kVgpuRemoveCommand,  kVgpuDefineCommand, kVgpuUndefineCommand,
      kVgpuStartCommand,    kVgpuStopCommand,    kVmNewCommand,      kVmListCommand,
      kVmShowCommand,       kVmCheckCommand,     kVmCommandCommand,  kVmStartCommand,
      kVmStopCommand,       kVmKillCommand,      kVmGiveBackCommand, kVmStatusCommand,
      kVmScreenshotCommand, kLabRunCommand,      kLabShellCommand,   kLabUpCommand,
      kLabDownCommand,      kLabListCommand,     kLabAgentCommand,   kQemuListCommand,
      kQemuOptionsCommand,  kQemuBuildCommand,   kQemuRemoveCommand, kRulesCommand,
      kTrialCommand,        kKernelCheckCommand, kSleepCommand,      kVmSchemaCommand,
      kVmExportCommand,     kVmImportCommand,    kVmInstallCommand,
  };
  return kCommands;
}

}  // namespace cleave
