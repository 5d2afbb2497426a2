#!/usr/bin/env python3
"""Many VMs started at once, and what each costs while nothing happens.

usage: vm_fleet_bench.py PATH/TO/cleave [VMS]

Starts VMS (50) small VMs with TCG at the same time, stopped before their first instruction (-S).
Each has to run, or be refused with a reason. Then it reads, of each supervisor, its private memory
(smaps_rollup) and how often it was scheduled within two seconds. Budget: 4 MiB each, and not once.
Needs no GPU and no KVM.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

BUDGET_KIB = 4096
DEFINITION = """name = "fleet{number}"
accelerator = "tcg"
cpus = 1
memory = "32M"
extra_arguments = ["-S"]
[[network]]
type = "none"
[display]
type = "none"
"""


def private_kib(process):
    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
        lines = file.read().splitlines()
    return sum(int(line.split()[1]) for line in lines
               if line.startswith(("Private_Clean:", "Private_Dirty:")))


def switches(process):
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        lines = file.read().splitlines()
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cleave = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        os.environ["XDG_RUNTIME_DIR"] = scratch
        files = []
        for number in range(count):
            files.append(os.path.join(scratch, f"fleet{number}.toml"))
            with open(files[-1], "w", encoding="ascii") as file:
                file.write(DEFINITION.format(number=number))
        begin = time.perf_counter()
        # QEMU may take long to answer where fifty start on two processors.
        starts = [subprocess.Popen([cleave, "vm", "start", file, "--limit", "300", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                  for file in files]
        results = [start.communicate() + (start.returncode,) for start in starts]
        elapsed = time.perf_counter() - begin
        refused = [errors or output for output, errors, status in results if status != 0]
        running = [file for file, result in zip(files, results) if result[2] == 0]
        print(f"{len(running)} of {count} run after {elapsed:.1f} s, {len(refused)} were refused")
        for reason in sorted(set(refused)):
            print(f"  refused: {reason.strip()}")
        failed = any(not reason.strip() for reason in refused)
        supervisors = []
        for file in running:
            shown = json.loads(subprocess.run([cleave, "vm", "status", file, "--json"],
                                              check=True, capture_output=True, text=True).stdout)
            supervisors.append(shown["vm"]["supervisor_process_id"])
        time.sleep(1)
        before = [switches(process) for process in supervisors]
        time.sleep(2)
        woken = [switches(process) - was for process, was in zip(supervisors, before)]
        memory = [private_kib(process) for process in supervisors]
        if memory:
            print(f"private memory of a supervisor: median {statistics.median(memory):.0f} KiB, "
                  f"most {max(memory)} KiB, budget {BUDGET_KIB} KiB")
            print(f"wake-ups within 2 s, all supervisors together: {sum(woken)}, budget 0")
            failed = failed or max(memory) > BUDGET_KIB or sum(woken) > 0
        for file in running:
            subprocess.run([cleave, "vm", "kill", file], check=True, stdout=subprocess.DEVNULL)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
