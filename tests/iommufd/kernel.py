"""A kernel without VFIO's groups: iommufd is then the only way to open a device.

No distribution has one, and Debian's have no iommufd at all; so Debian's source is built with few
options (kernel.config), which takes some minutes. It stays in the cache, outside of the tree.
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "qemu_versions"))
import fetch  # noqa: E402
import releases  # noqa: E402

QEMU = "10.0"  # of trixie, as the kernel's source; QEMU knows iommufd since 9.0
SOURCE = "linux-source-6.12"
MODULES = ("drivers/vfio/mdev/mdev.ko", "samples/vfio-mdev/mtty.ko")
IMAGE = "arch/x86/boot/bzImage"


def release():
    return releases.chosen([QEMU])[0]


def place():
    options = hashlib.sha256((HERE / "kernel.config").read_bytes()).hexdigest()[:12]
    return releases.cache().parent / "iommufd" / f"{SOURCE}-{options}"


def unpack(directory):
    trixie = release()
    fields = fetch.packages_of(trixie)[SOURCE]
    print(f"fetch {SOURCE} {fields['Version']} ({int(fields['Size']) >> 20} MiB)", flush=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        package = pathlib.Path(scratch) / "package.deb"
        package.write_bytes(fetch.fetched(f"{trixie.mirror}/{fields['Filename']}", fields["SHA256"]))
        subprocess.run(["dpkg-deb", "-x", package, scratch], check=True)
        archive = pathlib.Path(scratch) / "usr/src" / f"{SOURCE}.tar.xz"
        subprocess.run(["tar", "-C", directory, "-xf", archive, "--strip-components=1"], check=True)


def configure(directory):
    def make(target):
        subprocess.run(["make", "-s", target], cwd=directory, check=True)

    make("tinyconfig")
    with (directory / ".config").open("a", encoding="ascii") as config:
        config.write((HERE / "kernel.config").read_text(encoding="ascii"))
    make("olddefconfig")


def build():
    """Where the kernel's source and objects are."""
    directory = place()
    if (directory / "built").exists():
        return directory
    if not (directory / "Makefile").exists():
        directory.mkdir(parents=True, exist_ok=True)
        unpack(directory)
    configure(directory)
    print("build the kernel", flush=True)
    subprocess.run(["make", f"-j{os.cpu_count()}", "bzImage", "modules"], cwd=directory, check=True,
                   stdout=subprocess.DEVNULL)
    (directory / "built").touch()
    return directory
