"""Power cuts by the hundred: torture.py PROGRAM [--cuts N] [--first SEED] [--kind grub]. A line for each, 1 if one failed."""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "disk"))
from power_cuts import Failed, PowerCuts
from terminal import Gone


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--kind", default="grub")
    options = parser.parse_args()
    failed = []
    with PowerCuts(options.program, options.kind) as cuts:
        for seed in range(options.first, options.first + options.cuts):
            start = time.monotonic()
            try:
                print(cuts.run(seed), f"({time.monotonic() - start:.0f} s)", flush=True)
            except (Failed, Gone, AssertionError) as error:
                failed.append(seed)
                print(f"FAILED: {error}", flush=True)
    print(f"{options.cuts - len(failed)} of {options.cuts} survived" + (f"; failed: {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
