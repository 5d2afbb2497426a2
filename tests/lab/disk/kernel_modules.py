"""Builds lab/kernel, the laptop's GPU, for the kernel of an image (lab/kernel/README.md)."""
import os
import pathlib
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[3] / "lab/kernel"


def sources():
    return sorted(path for path in SOURCE.iterdir() if path.suffix in {".c", ".h"} or path.name == "Kbuild")


def build(version, root, destination, log):
    """`root` is where the packages linux-headers-* and linux-kbuild-* were unpacked."""
    headers = root / "usr/src"
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    with tempfile.TemporaryDirectory() as work, open(log, "ab") as output:
        for path in sources():
            shutil.copy(path, work)
        done = subprocess.run(
            ["make", "-j2", "-C", headers / f"linux-headers-{version}",
             "-f", headers / f"linux-headers-{version.removesuffix('-amd64')}-common/Makefile",
             "CC=gcc", f"M={work}", "modules"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"lab/kernel was not built for {version}: {log}")
        destination.mkdir(parents=True, exist_ok=True)
        for module in pathlib.Path(work).glob("*.ko"):
            shutil.copy(module, destination)
