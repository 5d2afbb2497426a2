"""How QEMU is started here: the machine, and the promise that it ends with the one who started it."""
import subprocess

PROGRAM = "qemu-system-x86_64"
MEMORY_MIB = 768
# Package ovmf: firmware without Secure Boot, and an empty store of variables for it.
UEFI_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
UEFI_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def machine_arguments():
    """The laptop without its disk and its terminals; as in src/lab/qemu_arguments.cc: Q35, an IOMMU, no KVM."""
    return ["-nodefaults", "-display", "none", "-machine", "q35,accel=tcg,kernel-irqchip=split", "-cpu", "max", "-smp", "2",
            "-m", str(MEMORY_MIB), "-device", "intel-iommu,intremap=on,caching-mode=on"]


def argv(arguments):
    # Whatever happens to us, Ctrl-C and SIGKILL included, the laptop goes with us.
    return ["setpriv", "--pdeathsig", "KILL", PROGRAM, *arguments]


def run(arguments, directory, limit):
    """Runs a machine until it switches itself off; its exit status."""
    return subprocess.run(argv(arguments), cwd=directory, stdin=subprocess.DEVNULL, timeout=limit, check=False).returncode


def firmware_arguments(uefi):
    """SeaBIOS, or OVMF with its variables in the file `firmware.fd`."""
    if not uefi:
        return []
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={UEFI_CODE}", "-drive", "if=pflash,format=raw,file=firmware.fd"]
