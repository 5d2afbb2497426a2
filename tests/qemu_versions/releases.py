"""The QEMU versions that cleave is tried with, and the releases of distributions that have them."""
import collections
import os
import pathlib

# `packages_sha256`: of the list of packages, where it never changes again (the pocket of a release
# of Ubuntu is closed when it comes out). Without it the list's signature is checked.
Release = collections.namedtuple("Release", "qemu mirror suite packages_sha256", defaults=[None])

DEBIAN = "http://deb.debian.org/debian"
UBUNTU = "http://archive.ubuntu.com/ubuntu"

RELEASES = [
    Release("4.2", UBUNTU, "focal",
            "7757921ff8feed9c3934a0c9936d441ba4a238bee3ea6c8c1df5cbcd43fc9861"),
    Release("5.2", DEBIAN, "bullseye"),
    Release("6.2", UBUNTU, "jammy",
            "37cb57f1554cbfa71c5a29ee9ffee18a9a8c1782bb0568e0874b7ff4ce8f9c11"),
    Release("7.2", DEBIAN, "bookworm"),
    Release("8.2", UBUNTU, "noble",
            "2a6a199e1031a5c279cb346646d594993f35b1c03dd4a82aaa0323980dd92451"),
    Release("9.2", UBUNTU, "plucky",
            "dcd6f5f5d26962be56cb8d4d9aea3c7e7af4b4d05ad7c3f2c600a74c86a767af"),
    Release("10.0", DEBIAN, "trixie"),
    Release("10.1", UBUNTU, "questing",
            "d392de37d7e7356edd52fb8134d9d30de6c94c20580f47177299269b5ccc7671"),
    Release("11.1", DEBIAN, "sid"),
]

PROGRAM = "qemu-system-x86_64"


def cache():
    """Where the trees are: outside of the source tree, for they are large and nobody's to commit."""
    if os.geteuid() == 0:  # whose home nobody else may enter, but QEMU is never asked as root
        return pathlib.Path("/var/cache/cleave/qemu-versions")
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "cleave" / "qemu-versions"


def program_of(release):
    """The script that starts this version's QEMU as if it were installed."""
    return cache() / f"qemu-{release.qemu}" / "bin" / PROGRAM


def chosen(versions):
    """The releases with these versions of QEMU; all of them for an empty list."""
    known = {release.qemu: release for release in RELEASES}
    unknown = [version for version in versions if version not in known]
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: not among {', '.join(known)}")
    return [known[version] for version in versions] or RELEASES
