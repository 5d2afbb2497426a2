// The rows that all.cc lists; each is defined in the file of its command.
#pragma once

#include "cli/command.h"

namespace cleave {

extern const Command kUpCommand;
extern const Command kDoctorCommand;
extern const Command kCaptureCommand;
extern const Command kSetupCommand;
extern const Command kTrialCommand;
extern const Command kKernelCheckCommand;
extern const Command kDevicesCommand;
extern const Command kVgpuTypesCommand;
extern const Command kVgpuListCommand;
extern const Command kVgpuCreateCommand;
extern const Command kVgpuRemoveCommand;
extern const Command kVgpuDefineCommand;
extern const Command kVgpuUndefineCommand;
extern const Command kVgpuStartCommand;
extern const Command kVgpuStopCommand;
extern const Command kVmNewCommand;
extern const Command kVmListCommand;
extern const Command kVmShowCommand;
extern const Command kVmCheckCommand;
extern const Command kVmCommandCommand;
extern const Command kVmStartCommand;
extern const Command kVmStopCommand;
extern const Command kVmKillCommand;
extern const Command kVmGiveBackCommand;
extern const Command kVmExportCommand;
extern const Command kVmImportCommand;
extern const Command kVmSchemaCommand;
extern const Command kVmInstallCommand;
extern const Command kVmStatusCommand;
extern const Command kVmScreenshotCommand;
extern const Command kVmPauseCommand;
extern const Command kVmResumeCommand;
extern const Command kVmResetCommand;
extern const Command kVmSendKeyCommand;
extern const Command kVmConsoleCommand;
extern const Command kVmMonitorCommand;
extern const Command kVmEjectCommand;
extern const Command kVmInsertCommand;
extern const Command kVmUsbAttachCommand;
extern const Command kVmUsbDetachCommand;
extern const Command kVmBalloonCommand;
extern const Command kVmSnapshotCreateCommand;
extern const Command kVmSnapshotListCommand;
extern const Command kVmSnapshotRestoreCommand;
extern const Command kVmSnapshotDeleteCommand;
extern const Command kVmResizeCommand;
extern const Command kVmCloneCommand;
extern const Command kVmDeleteCommand;
extern const Command kVmAutostartCommand;
extern const Command kVmProveCommand;
extern const Command kLabRunCommand;
extern const Command kLabShellCommand;
extern const Command kLabUpCommand;
extern const Command kLabDownCommand;
extern const Command kLabListCommand;
extern const Command kLabAgentCommand;
extern const Command kExplainCommand;
extern const Command kQemuListCommand;
extern const Command kQemuOptionsCommand;
extern const Command kQemuBuildCommand;
extern const Command kQemuRemoveCommand;
extern const Command kRulesCommand;
extern const Command kSleepCommand;

}  // namespace cleave
