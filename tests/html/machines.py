"""The machines whose pages are tested, and cleave writing them."""
import os
import pathlib
import subprocess

CLEAVE = os.environ["CLEAVE"]  # set by CMake
MACHINES = pathlib.Path(__file__).resolve().parent.parent / "machines"
LANGUAGES = ("en", "ko")
HOSTILE = '<script>alert(1)</script><img src="http://example.net/x" onerror=\'x\'>&amp;\x1b[31m\u202e'


def device(address, group, class_code, root="pci0000:00"):
    """One PCI device as the lines of a machine file."""
    path = f"/sys/devices/{root}/{address}"
    lines = [f"== /sys/bus/pci/devices/{address} -> ../../../devices/{root}/{address}",
             f"== {path}/vendor", "0x1002", f"== {path}/device", "0x1234",
             f"== {path}/subsystem_vendor", "0x1002", f"== {path}/subsystem_device", "0x1234",
             f"== {path}/revision", "0x01", f"== {path}/class", class_code, f"== {path}/resource", "0x0 0x0 0x0"]
    if group is not None:
        lines += [f"== {path}/iommu_group -> ../../../kernel/iommu_groups/{group}",
                  f"== /sys/kernel/iommu_groups/{group}/devices/{address} -> "
                  f"../../../../devices/{root}/{address}"]
    return lines


def crowded(directory):
    """A server with 80 IOMMU groups, a crowded group with a GPU, one GPU outside, odd addresses,
    and a firmware that tries to write markup."""
    lines = ["A crowded machine. Made by a test.",
             "== /sys/class/dmi/id/sys_vendor", HOSTILE, "== /sys/class/dmi/id/product_name",
             "Server " + "with-a-very-long-name-without-any-blank-" * 4,
             "== /etc/os-release", f'PRETTY_NAME="{HOSTILE.replace(chr(34), "")}"',
             "== /proc/sys/kernel/osrelease", "6.12.0-<b>amd64</b>",
             "== /sys/class/iommu/ivhd0/"]
    classes = ["0x010802", "0x020000", "0x0c0330", "0x060400", "0x040300", "0x088000", "0x0c0500"]
    for group in range(80):
        lines += device(f"0000:{group // 32 + 1:02x}:{group % 32:02x}.0", group,
                        classes[group % len(classes)])
    lines += device("0000:80:00.0", 200, "0x030000") + device("0000:80:00.1", 200, "0x040300")
    for function in range(8):
        lines += device(f"0000:81:00.{function}", 200, "0x020000")
        lines += device(f"0000:82:00.{function}", 200, "0x010802")
    lines += device("0000:90:00.0", None, "0x030200") + device("10000:e1:00.0", 201, "0x010802")
    path = pathlib.Path(directory) / "crowded.machine"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_page(machine, language, page):
    """The exit status is 0 or 1: ready or not."""
    result = subprocess.run(
        [CLEAVE, "doctor", "--lang", language, "--from", str(machine), "--html", str(page)],
        capture_output=True, text=True, timeout=60, check=False)
    if result.returncode not in (0, 1):
        raise AssertionError(result.stdout + result.stderr)
    return result
