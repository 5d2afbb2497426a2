#!/usr/bin/env python3
"""Fetches real QEMU programs of several versions, with the libraries they need.

  tests/qemu_versions/fetch.py [VERSION…]        all of releases.py unless some are named

Nothing is installed: each release's packages are unpacked into a tree of their own below
~/.cache/cleave/qemu-versions/, for root /var/cache/cleave/qemu-versions/ (some 300 MB each), and a
script beside it starts QEMU with that tree as its root. What is there already is not fetched again;
`rm -r` makes room.

Every file is checked: packages against their list, the list against the release's signed file or
the hash in releases.py. Needs dpkg-deb, gpgv, user namespaces and the network.
"""
import concurrent.futures
import hashlib
import lzma
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from releases import DEBIAN, PROGRAM, cache, chosen, program_of

ARCHITECTURE = "amd64"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SECONDS = 120            # for one file
TRIES = 4
LARGEST_FILE = 200 << 20
LARGEST_TREE = 500       # packages; QEMU with its windows has some 250
# Where a release splits QEMU further, these are its displays; others have them in -gui or -common.
WANTED = ["qemu-system-x86", "qemu-system-gui", "qemu-system-modules-spice",
          "qemu-system-modules-opengl", "ovmf", "libc6"]
# Followed are libraries and what belongs to QEMU; what packages want for installing them is not.
FOLLOWED = re.compile(r"lib.*|qemu-.*|seabios|ipxe-qemu|zlib1g|ovmf")
# Mesa's drivers draw; without them a QEMU still tells what it can, and LLVM alone has 100 MB.
LEFT_OUT = re.compile(r"libllvm.*|libgl1-mesa-dri|mesa-.*")

# QEMU looks for modules, firmware and libraries where its package puts them, and takes the host's if
# they are there: so it gets the tree for its root, in namespaces that need no rights. What it shares
# with the host are places of files that a VM names.
SHARED = ["dev", "proc", "sys", "run", "tmp", "home"]
STARTER = """#!/bin/sh
# Written by tests/qemu_versions/fetch.py: qemu-system-x86 {version} of {suite}, not installed.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec unshare --user --map-root-user --mount /bin/sh -c '
  for each in {shared}; do mount --rbind "/$each" "{tree}/$each" || exit 1; done
  exec chroot "{tree}" /usr/bin/{program} "$@"' qemu "$@"
"""


def content_of(url):
    for tried in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                return answer.read(LARGEST_FILE + 1)
        except OSError as problem:  # names that do not resolve for a moment, mirrors that hang up
            reason = problem
            time.sleep(2 ** tried)
    raise SystemExit(f"{url}: {reason}")


def fetched(url, sha256=None):
    content = content_of(url)
    if len(content) > LARGEST_FILE:
        raise SystemExit(f"{url}: larger than {LARGEST_FILE} bytes")
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{url}: its SHA-256 is not {sha256}")
    return content


def signed_list_hash(release, name):
    """The hash of that list of packages in the release's file, whose signature is checked."""
    signed = fetched(f"{release.mirror}/dists/{release.suite}/InRelease")
    with tempfile.NamedTemporaryFile() as file:
        file.write(signed)
        file.flush()
        checked = subprocess.run(["gpgv", "--quiet", "--keyring", KEYRING, "--output", "-", file.name],
                                 capture_output=True, check=False)
    if checked.returncode != 0:
        raise SystemExit(f"{release.suite}: InRelease: {checked.stderr.decode()}")
    found = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(name)}$", checked.stdout.decode(), re.M)
    if not found:
        raise SystemExit(f"{release.suite}: no {name} in InRelease")
    return found[1]


def packages_of(release):
    """name → fields of its package; a virtual one's name leads to the first that provides it."""
    name = f"main/binary-{ARCHITECTURE}/Packages.xz"
    sha256 = release.packages_sha256 or signed_list_hash(release, name)
    text = lzma.decompress(fetched(f"{release.mirror}/dists/{release.suite}/{name}", sha256)).decode()
    packages = {}
    provided = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", paragraph, re.M))
        if "Package" not in fields:
            continue
        packages[fields["Package"]] = fields
        for virtual in re.findall(r"(?:^|, )([^ ,(]+)", fields.get("Provides", "")):
            provided.setdefault(virtual, fields)
    return provided | packages


def needs_of(fields):
    """The names of its dependencies, each with its alternatives."""
    for wish in filter(None, [fields.get("Pre-Depends"), fields.get("Depends")]):
        for dependency in wish.split(","):
            yield [re.match(r"\s*([^\s:(]+)", one)[1] for one in dependency.split("|")]


def closure(packages):
    found = {}
    waiting = [name for name in WANTED if name in packages]
    while waiting:
        fields = packages[waiting.pop()]
        name = fields["Package"]
        if name in found:
            continue
        found[name] = fields
        if len(found) > LARGEST_TREE:
            raise SystemExit(f"more than {LARGEST_TREE} packages")
        for alternatives in needs_of(fields):
            there = [one for one in alternatives if one in packages]
            if there and FOLLOWED.fullmatch(there[0]) and not LEFT_OUT.fullmatch(there[0]):
                waiting.append(there[0])
    return list(found.values())


def unpack(release, packages, tree):
    def get(fields):
        return fetched(f"{release.mirror}/{fields['Filename']}", fields["SHA256"])

    with concurrent.futures.ThreadPoolExecutor(4) as pool, tempfile.TemporaryDirectory() as scratch:
        for content in pool.map(get, packages):
            package = pathlib.Path(scratch) / "package.deb"
            package.write_bytes(content)
            subprocess.run(["dpkg-deb", "-x", package, tree], check=True)


def join_library_directories(tree):
    """Older packages put libraries into /lib, which was a link in every installed system."""
    for name in ["lib", "lib64"]:
        old = tree / name
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)
        if not old.is_symlink():
            old.symlink_to(f"usr/{name}")


def write_starter(release, version, tree):
    for name in SHARED:
        (tree / name).mkdir(exist_ok=True)
    starter = program_of(release)
    starter.parent.mkdir(exist_ok=True)
    starter.write_text(STARTER.format(version=version, suite=release.suite, tree=tree,
                                      shared=" ".join(SHARED), program=PROGRAM))
    starter.chmod(0o755)


def fetch(release):
    place = cache() / f"qemu-{release.qemu}"
    if program_of(release).exists():
        print(f"QEMU {release.qemu}: is there ({place})")
        return
    shutil.rmtree(place, ignore_errors=True)
    packages = packages_of(release)
    version = packages["qemu-system-x86"]["Version"]
    if not re.match(rf"(\d+:)?{re.escape(release.qemu)}\b", version):
        raise SystemExit(f"{release.suite} has QEMU {version} now, no longer {release.qemu}: "
                         "correct releases.py")
    wanted = closure(packages)
    size = sum(int(fields["Size"]) for fields in wanted) >> 20
    print(f"QEMU {release.qemu}: {len(wanted)} packages of {release.suite} ({size} MiB), "
          f"of them qemu-system-x86 {version}", flush=True)
    tree = place / "tree"
    tree.mkdir(parents=True)
    unpack(release, wanted, tree)
    join_library_directories(tree)
    write_starter(release, version, tree)
    answer = subprocess.run([program_of(release), "--version"], capture_output=True, text=True,
                            check=False)
    print("  " + (answer.stdout.splitlines() or [answer.stderr])[0], flush=True)


def main():
    for release in chosen(sys.argv[1:]):
        if release.mirror == DEBIAN and not pathlib.Path(KEYRING).exists():
            raise SystemExit(f"{KEYRING} is not there (package debian-archive-keyring)")
        fetch(release)


if __name__ == "__main__":
    main()
