#!/usr/bin/env python3
"""`cleave doctor` on the live host beside the peers that look at it, and with a long kernel log.

usage: doctor_bench.py PATH/TO/cleave [RUNS]

Each program is started with posix_spawn in turn, its output thrown away. Budgets: 15 ms live, 60 ms
with 50,000 lines of kernel log, 32 MiB of memory. Peers that are not installed are left out.
"""
import os
import shutil
import statistics
import sys
import tempfile
import time

LOG_LINES = 50_000
LINE = "6,{n},{n}000,-;pci 0000:00:{n}: [8086:9d10] type 01 class 0x060400 PCIe Root Port\n"


def run(argv):
    """Milliseconds and peak memory in KiB. A program that fails is not measured."""
    begin = time.perf_counter()
    process = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: done, and the answer is no
        sys.exit(f"{argv} ended with {os.waitstatus_to_exitcode(status)}")
    return (time.perf_counter() - begin) * 1000, usage.ru_maxrss


def machine_with_log(path):
    machines = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "machines")
    # A machine can include others that stand beside it.
    shutil.copytree(machines, os.path.dirname(path), dirs_exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write("== include comet-lake-ready.machine\n== /dev/kmsg\n")
        out.write("5,0,0,-;Linux version 6.8.0-60-generic (b@x) #63-Ubuntu\n")
        out.writelines(LINE.format(n=n) for n in range(1, LOG_LINES))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cleave = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    with tempfile.TemporaryDirectory() as scratch:
        long_log = os.path.join(scratch, "long.machine")
        machine_with_log(long_log)
        rows = {"cleave doctor": [cleave, "doctor"],
                f"… {LOG_LINES} lines of log": [cleave, "doctor", "--from", long_log],
                "virt-host-validate": ["virt-host-validate"],
                "lspci -nnk": ["lspci", "-nnk"]}
        rows = {name: argv for name, argv in rows.items() if shutil.which(argv[0])}
        seen = {name: [] for name in rows}
        for _ in range(runs):
            for name, argv in rows.items():
                seen[name].append(run(argv))
    for name, results in seen.items():
        times = [milliseconds for milliseconds, _ in results]
        memory = max(kibibytes for _, kibibytes in results)
        print(f"{name:26} median {statistics.median(times):7.2f} ms  least {min(times):7.2f}  "
              f"memory {memory / 1024:5.1f} MiB")


if __name__ == "__main__":
    main()
