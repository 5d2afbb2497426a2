"""The virtiofsd in Rust, which Debian has from 13 on, beside the libraries that it was built for."""
import hashlib
import pathlib
import shutil

import cloud_image  # noqa: F401  the lab's directories in the path
import images

MIRROR = "deb http://deb.debian.org/debian trixie main"
PROGRAM = "usr/libexec/virtiofsd"
LIBRARIES = "usr/lib/x86_64-linux-gnu"

# Debian 13's C library may be newer than the host's: its own loader starts the program.
BESIDE = "virtiofsd.d"
STARTER = f"""\
#!/bin/sh
exec /usr/libexec/{BESIDE}/ld-linux-x86-64.so.2 --library-path /usr/libexec/{BESIDE} /usr/libexec/{BESIDE}/virtiofsd "$@"
"""


def unpack(directory):
    words = ["mmdebstrap", "--mode=root", "--variant=extract", "--include=virtiofsd,libc6", "trixie",
             str(directory / "tree"), MIRROR]
    images.run(*words, log=directory / "log")


def install(libexec):
    """Puts it into a directory that its user sees as /usr/libexec."""
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:16]
    images.cache_directory = cloud_image.cache_directory
    tree = images.made_once(f"virtiofsd-{digest}", unpack) / "tree"
    shutil.copytree(tree / LIBRARIES, libexec / BESIDE, ignore=lambda *_: ["gconv"])
    shutil.copy(tree / PROGRAM, libexec / BESIDE)
    starter = libexec / "virtiofsd"
    starter.write_text(STARTER, encoding="utf-8")
    starter.chmod(0o755)
