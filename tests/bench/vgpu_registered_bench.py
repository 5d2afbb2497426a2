#!/usr/bin/env python3
"""How long after its driver registered as a parent a defined vGPU is there: with the rule of udev and the
unit of systemd that `cleave setup` writes, beside mdevctl's own rule.

usage: vgpu_registered_bench.py PATH/TO/cleave [RUNS]

Boots the laptop with a disk (root only: its image is made once), whose systemd and udev are Debian's.
From the kernel's event MDEV_STATE=registered to its event of the new vGPU, by the times of one
`udevadm monitor`; the rivals take turns. Budget on real hardware: 100 ms. The laptop is emulated, so
what an empty cleave (`--version`) takes there and here is measured, too.
"""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab"
sys.path[:0] = [str(LAB), str(LAB / "disk")]
from laptop_with_disk import COMMAND_LIMIT, LaptopWithDisk  # noqa: E402

PROGRAM = "/usr/local/bin/cleave"
GPU, TYPE = "10000:00:02.0", "i915-GVTg_V5_8"
DRIVER = "/sys/bus/pci/drivers/i915"
UNIT = f"cleave-vgpus@{GPU}.service"
MDEVCTL_RULE = "60-mdevctl.rules"
NEEDS_RESTART = 5
BUDGET_MS = 100.0
VERSIONS = 20
LIMIT_S = 60
MONITOR = r"^(KERNEL|UDEV  )\[([0-9.]+)\] (\w+) +(\S+)"


def prepare(laptop, cleave):
    laptop.put(cleave, PROGRAM)
    laptop.put(shutil.which("mdevctl"), "/usr/sbin/mdevctl")
    laptop.check("mkdir -p /etc/mdevctl.d/scripts.d/callouts /etc/mdevctl.d/scripts.d/notifiers")
    laptop.put(f"/usr/lib/udev/rules.d/{MDEVCTL_RULE}", f"/root/{MDEVCTL_RULE}")
    # Addresses that differ in each process cost the emulator most of a program's start, and no processor.
    laptop.check("echo 0 > /proc/sys/kernel/randomize_va_space && modprobe -r i915 && modprobe i915 enable_gvt=1 && modprobe kvmgt")
    laptop.check(f"{PROGRAM} setup --way gvt-g --yes --no-trial; test $? = {NEEDS_RESTART}", limit=5 * COMMAND_LIMIT)
    laptop.check(f"{PROGRAM} vgpu define --parent {GPU} --type {TYPE} --auto && cp /etc/udev/rules.d/*cleave* /root/ && "
                 "systemctl daemon-reload")


def use_rules_of(laptop, rival):
    """Those of the other are away."""
    ours = "cp /root/*cleave*.rules /etc/udev/rules.d/" if rival == "cleave" else \
           f"cp /root/{MDEVCTL_RULE} /etc/udev/rules.d/"
    laptop.check(f"rm -f /etc/udev/rules.d/*cleave*.rules /etc/udev/rules.d/{MDEVCTL_RULE}; {ours}; udevadm control --reload; "
                 f"echo {GPU} > {DRIVER}/unbind; udevadm settle; systemctl is-active --quiet {UNIT} && exit 1; "
                 "test -z \"$(ls /sys/bus/mdev/devices)\"")


def events_of_one(laptop):
    """What `udevadm monitor` shows while the driver is bound and the vGPU comes."""
    return laptop.check(
        "udevadm monitor --kernel --udev --property > /root/events & monitor=$!\n"
        # One socket for the kernel's events and one for udev's; what it prints it keeps to its end.
        "until test $(ls -l /proc/$monitor/fd | grep -c socket:) -ge 2; do sleep 0.1; done; sleep 0.5\n"
        f"echo {GPU} > {DRIVER}/bind\n"
        f"end=$((SECONDS + {LIMIT_S})); while test -z \"$(ls /sys/bus/mdev/devices)\" && test $SECONDS -lt $end; "
        "do sleep 0.05; done\n"
        "sleep 1; udevadm settle; kill $monitor; wait $monitor; cat /root/events; journalctl -b -n 15 --no-pager",
        limit=3 * COMMAND_LIMIT)


def times_of(events):
    """Seconds: the kernel registered, udev was through with that, the vGPU is there."""
    registered = through = came = None
    for block in events.split("\n\n"):
        head = re.search(MONITOR, block, re.MULTILINE)
        if not head:
            continue
        source, seconds, action, path = head.groups()
        if "MDEV_STATE=registered" in block and source == "KERNEL":
            registered = float(seconds)
        elif "MDEV_STATE=registered" in block:
            through = float(seconds)
        elif source == "KERNEL" and action == "add" and "SUBSYSTEM=mdev" in block and path.count("-") >= 4:
            came = float(seconds)
    assert registered and came, events
    return registered, through, came


def one_run(laptop, rival):
    use_rules_of(laptop, rival)
    registered, through, came = times_of(events_of_one(laptop))
    taken = {"all": (came - registered) * 1000}
    if rival == "cleave":
        shown = laptop.check(f"systemctl show {UNIT} -p ExecMainStartTimestampMonotonic --value")
        taken["udev"] = ((through or registered) - registered) * 1000
        taken["started"] = int(shown) / 1000 - registered * 1000
    return taken


def version_ms(laptop):
    shown = laptop.check(f"begin=${{EPOCHREALTIME/./}}; for try in $(seq {VERSIONS}); do {PROGRAM} --version > /dev/null; done; "
                         "echo $((${EPOCHREALTIME/./} - begin))")
    return int(shown) / 1000 / VERSIONS


def version_ms_here(cleave):
    taken = []
    for _ in range(VERSIONS):
        begin = time.perf_counter()
        subprocess.run([cleave, "--version"], check=True, stdout=subprocess.DEVNULL)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cleave = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    taken = {"mdevctl": [], "cleave": []}
    with LaptopWithDisk("grub") as laptop:
        laptop.power_on()
        laptop.wait_for_login()
        prepare(laptop, cleave)
        for _ in range(runs + 1):  # the first is a warm-up
            for rival, results in taken.items():
                results.append(one_run(laptop, rival))
        slower = version_ms(laptop) / version_ms_here(cleave)
    median = {rival: {what: statistics.median(run[what] for run in results[1:]) for what in results[0]}
              for rival, results in taken.items()}
    ours = median["cleave"]
    here = ours["all"] / slower
    print(f"after its driver registered: mdevctl's rule {median['mdevctl']['all']:.0f} ms, cleave's rule and unit "
          f"{ours['all']:.0f} ms (udev through after {ours['udev']:.0f}, the program started after {ours['started']:.0f}); "
          f"the laptop is {slower:.0f} times slower: here about {here:.0f} ms, budget {BUDGET_MS:.0f} ms")
    return 0 if here <= BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
