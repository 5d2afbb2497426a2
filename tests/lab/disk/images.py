"""Makes the base images once and keeps them: directory `disk/` of the lab's cache, one directory for each image."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import kernel_modules
import qemu
import recipe

HERE = pathlib.Path(__file__).resolve().parent
SOURCES_OF_AN_IMAGE = ("images.py", "kernel_modules.py", "recipe.py")
# What has to be installed here: program -> package.
NEEDED = {"gcc": "gcc", "make": "make", "mke2fs": "e2fsprogs", "mmdebstrap": "mmdebstrap",
          "qemu-system-x86_64": "qemu-system-x86", "setpriv": "util-linux", "sfdisk": "fdisk"}
PREPARE_LIMIT = 600  # seconds; 40 were measured, test machines are busy
FIRST_PARTITION = recipe.MIB
SECTOR = 512


class CannotFetch(Exception):
    """There is no network, or none that has the packages."""


# What apt says then (apt-pkg/acquire-item.cc, methods/connect.cc).
NO_NETWORK = ("Could not resolve", "Failed to fetch", "Temporary failure resolving", "Unable to connect", "Could not connect")


def missing(kind="grub"):
    """Why an image of this kind cannot be made here, or an empty string."""
    if os.geteuid() != 0:
        return "a Debian system is installed into a directory: only root can do that"
    with search_path():
        packages = {package for program, package in NEEDED.items() if shutil.which(program) is None}
        if recipe.KINDS[kind].esp_bytes:
            packages |= {"dosfstools"} if shutil.which("mkfs.vfat") is None else set()
            packages |= set() if os.path.exists(qemu.UEFI_CODE) else {"ovmf"}
    return f"packages are not installed: {' '.join(sorted(packages))}" if packages else ""


@contextlib.contextmanager
def search_path():
    """sfdisk and mke2fs are in sbin, which is not in everybody's PATH."""
    old = os.environ.get("PATH", "")
    os.environ["PATH"] = old + ":/usr/sbin:/sbin"
    try:
        yield
    finally:
        os.environ["PATH"] = old


def cache_directory():
    chosen = os.environ.get("CLEAVE_LAB_CACHE")
    return (pathlib.Path(chosen) if chosen else pathlib.Path.home() / ".cache/cleave/lab") / "disk"


def key(kind):
    digest = hashlib.sha256()
    for path in [HERE / name for name in SOURCES_OF_AN_IMAGE] + kernel_modules.sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{kind.name}-{digest.hexdigest()[:16]}"


def made_once(name, make):
    """The directory `name` of the cache; make(directory) fills it if it is not there."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    directory = cache / name
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if directory.is_dir():
            return directory
        for left_behind in cache.glob(f"{name}.*"):  # by one that was killed: we have the lock
            if left_behind.is_dir():
                shutil.rmtree(left_behind)
        with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=cache) as partial:
            made = pathlib.Path(partial) / "made"
            made.mkdir()
            make(made)
            made.rename(directory)
    return directory


def base_image(name):
    """The directory of a base image: `disk.raw`, and `firmware.fd` where the firmware has variables."""
    kind = recipe.KINDS[name]
    with search_path():
        return made_once(key(kind), lambda directory: make_image(kind, directory))


def run(*words, log, **options):
    with open(log, "ab") as file:
        done = subprocess.run([str(word) for word in words], stdout=file, stderr=file, check=False,
                              **{"stdin": subprocess.DEVNULL, **options})
    if done.returncode != 0:
        tail = pathlib.Path(log).read_text(encoding="utf-8", errors="replace")[-4000:]
        raise RuntimeError(f"{words[0]} ended with {done.returncode}:\n{tail}")


def make_image(kind, directory):
    if kind.derived_from:
        derive(kind, directory)
        return
    log = directory / "log"
    tree = directory / "tree"
    install(kind, tree, directory / "headers", log)
    version = next((tree / "lib/modules").iterdir()).name
    kernel_modules.build(version, directory / "headers", tree / "lib/modules" / version / "updates", log)
    shutil.rmtree(directory / "headers")
    write_files(kind, tree, version)
    run("depmod", "-b", tree, version, log=log)
    run("chroot", tree, "update-initramfs", "-c", "-k", version, log=log)
    make_disk(kind, tree, directory / "disk.raw", log)
    prepare(kind, directory, tree, version)
    shutil.rmtree(tree)


def derive(kind, directory):
    """Another image with a few commands run in it, and what they wrote put onto a copy of its disk."""
    import laptop_with_disk  # it starts laptops from images, and this image is made by a laptop
    with laptop_with_disk.LaptopWithDisk(kind.derived_from) as laptop:
        laptop.power_on()
        laptop.wait_for_login()
        for command in kind.derive:
            laptop.check(command)
        laptop.power_button()
        run("cp", "--sparse=always", base_image(kind.derived_from) / "disk.raw", directory / "disk.raw",
            log=directory / "log")
        laptop.disk.write_onto(directory / "disk.raw")


def install(kind, tree, headers, log):
    """A Debian system in a directory, and the packages that its modules are built with beside it."""
    headers.mkdir()
    fetch = ('cd "$CLEAVE_HEADERS" && version=$(ls "$1/lib/modules") && '
             'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download -o APT::Sandbox::User=root '
             '"linux-headers-$version" "linux-headers-${version%-amd64}-common" linux-kbuild-6.1')
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
             "--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=force-unsafe-io",
             *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.LEFT_OUT),
             f"--include={','.join(recipe.COMMON_PACKAGES + kind.packages)}", f"--customize-hook={fetch}",
             "bookworm", str(tree), *recipe.MIRRORS]
    # INITRD=No: the kernel package's hook for the initramfs; it is made once, when its modules are there.
    try:
        run(*words, log=log, env={**os.environ, "INITRD": "No", "CLEAVE_HEADERS": str(headers)})
    except RuntimeError as error:
        if any(words in str(error) for words in NO_NETWORK):
            raise CannotFetch(f"Debian's packages cannot be fetched:\n{error}") from error
        raise
    for archive in headers.glob("*.deb"):
        run("dpkg-deb", "-x", archive, headers, log=log)


def write_files(kind, tree, version):
    for path, content in {**recipe.COMMON_FILES, **kind.files,
                          "/prepare": recipe.PREPARE.format(commands=kind.prepare.format(version=version))}.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (tree / "prepare").chmod(0o755)
    (tree / "var/log/journal").mkdir(exist_ok=True)  # its being there makes the journal persistent
    wants = tree / "etc/systemd/system/getty.target.wants"
    wants.mkdir(exist_ok=True)
    # The second terminal is for the tests: the kernel's messages go to the first.
    (wants / "serial-getty@hvc0.service").symlink_to("/lib/systemd/system/serial-getty@.service")
    # It looks for LVM, which is not here, for seconds of every boot.
    (tree / "etc/systemd/system/multi-user.target.wants/e2scrub_reap.service").unlink()
    # No password: the recovery entry's shell asks for it.
    shadow = tree / "etc/shadow"
    shadow.write_text(shadow.read_text().replace("root:*:", "root::", 1))


def make_disk(kind, tree, disk, log):
    """A partitioned disk, made without a loop device: containers have none."""
    with open(disk, "wb") as file:
        file.truncate(recipe.DISK_BYTES)
    root_start, end = FIRST_PARTITION + kind.esp_bytes, recipe.DISK_BYTES
    if kind.esp_bytes:
        end -= recipe.MIB  # the second copy of the table
        label = "gpt"
        table = (f"start={FIRST_PARTITION // SECTOR}, size={kind.esp_bytes // SECTOR}, type=U\n"
                 f"start={root_start // SECTOR}, size={(end - root_start) // SECTOR}, type=L\n")
        # One sector a cluster: firmware takes a FAT with fewer than 65,525 clusters for FAT16, whatever it says.
        run("mkfs.vfat", "-F", "32", "-s", "1", "-i", recipe.ESP_SERIAL, f"--offset={FIRST_PARTITION // SECTOR}", disk,
            kind.esp_bytes // 1024, log=log)
    else:
        label, table = "dos", f"start={FIRST_PARTITION // SECTOR}, type=83, bootable\n"
    partitions = disk.with_name("partitions")
    partitions.write_text(table)
    with open(partitions) as file:
        run("sfdisk", "--quiet", "--label", label, disk, log=log, stdin=file)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-U", recipe.ROOT_UUID, "-d", tree,
        "-E", f"offset={root_start},lazy_itable_init=0,nodiscard", disk, (end - root_start) // 4096, log=log)


def prepare(kind, directory, tree, version):
    """One boot without a boot loader, in which the boot loader is installed."""
    uefi = bool(kind.esp_bytes)
    if uefi:
        shutil.copy(qemu.UEFI_VARIABLES, directory / "firmware.fd")
    arguments = qemu.machine_arguments() + qemu.firmware_arguments(uefi) + [
        "-no-reboot", "-kernel", f"{tree}/boot/vmlinuz-{version}", "-initrd", f"{tree}/boot/initrd.img-{version}",
        "-append", f"root=/dev/vda{2 if uefi else 1} rw {recipe.KERNEL_ARGUMENTS} quiet panic=-1 init=/prepare",
        "-drive", "file=disk.raw,format=raw,if=virtio,cache=unsafe", "-serial", "file:prepare.log"]
    done = qemu.run(arguments, directory, limit=PREPARE_LIMIT)
    said = (directory / "prepare.log").read_text(encoding="utf-8", errors="replace")
    if done != 0 or "laptop-42-prepared" not in said:
        raise RuntimeError(f"the boot loader was not installed (QEMU: {done}):\n{said[-4000:]}")
