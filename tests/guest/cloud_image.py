"""A Debian cloud image as distributions publish them, made here: none can be downloaded where the tests run.

What makes it one: GRUB on a qcow2 disk, no user, no host name, no machine id, cloud-init waiting for its seed, a root file
system that grows with the disk, and no guest agent, which cloud-init has to fetch. Beyond that QEMU is in it, so that the
installed guest can be the machine on which VMs start by themselves."""
import hashlib
import os
import pathlib
import shutil
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "lab"), str(TESTS / "lab/disk")]

import images  # noqa: E402
import recipe  # noqa: E402

PACKAGES = (
    "cloud-init", "cloud-guest-utils", "console-setup", "dbus", "dbus-user-session", "e2fsprogs", "initramfs-tools", "kmod",
    "libpam-systemd", "linux-image-amd64", "locales", "netplan.io", "openssh-server", "sudo", "systemd-resolved",
    "systemd-sysv", "systemd-timesyncd", "tzdata", "udev", "zstd",
    # For the VMs inside of it, and for what the tests look at.
    "pciutils", "qemu-system-x86", "qemu-utils")

# The drivers of networks and of virtio-gpu stay: unlike the lab's laptop this guest has both. i18n stays for locale-gen.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/lib/modules/*/kernel/sound/*",
            "/lib/modules/*/kernel/drivers/media/*", "/lib/modules/*/kernel/drivers/gpu/drm/amd/*",
            "/lib/modules/*/kernel/drivers/gpu/drm/nouveau/*", "/lib/modules/*/kernel/drivers/gpu/drm/i915/*",
            "/lib/modules/*/kernel/drivers/net/ethernet/*", "/lib/modules/*/kernel/drivers/net/wireless/*")

# Debian's own, with the log on the serial port last; no_timer_check: lab/kernel/README.md, "Loading".
DEFAULT_GRUB = """\
GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200 no_timer_check"
GRUB_TERMINAL=console
"""

FILES = {
    "/etc/default/grub": DEFAULT_GRUB,
    "/etc/fstab": f"UUID={recipe.ROOT_UUID} / ext4 discard,errors=remount-ro,x-systemd.growfs 0 1\n",
    "/etc/initramfs-tools/modules": "ext4\nvirtio_blk\nvirtio_pci\n",
    "/etc/initramfs-tools/conf.d/guest": "MODULES=list\nFSTYPE=ext4\n",
    "/etc/apt/sources.list": "\n".join(recipe.MIRRORS) + "\n",
    # As Debian's cloud images have it: without a seed on a disc nothing else is waited for.
    "/etc/cloud/cloud.cfg.d/01_debian_cloud.cfg":
        "datasource_list: [ NoCloud, ConfigDrive, None ]\nmanage_etc_hosts: true\n",
}

CLOUD = recipe.Kind(name="cloud", packages=PACKAGES, files=FILES, prepare="grub-install /dev/vda && update-grub")


def missing():
    return images.missing()


def cache_directory():
    chosen = os.environ.get("CLEAVE_GUEST_CACHE")
    return pathlib.Path(chosen) if chosen else pathlib.Path.home() / ".cache/cleave/guest"


def cloud_image():
    """The image's path; made once for this recipe."""
    digest = hashlib.sha256()
    for path in (pathlib.Path(__file__), images.HERE / "images.py", images.HERE / "recipe.py"):
        digest.update(path.read_bytes())
    images.cache_directory = cache_directory  # beside the lab's images
    with images.search_path():
        return images.made_once(f"cloud-{digest.hexdigest()[:16]}", make_image) / "cloud.qcow2"


def make_image(directory):
    log = directory / "log"
    tree = directory / "tree"
    install(tree, log)
    version = next((tree / "lib/modules").iterdir()).name
    write_files(tree)
    images.run("depmod", "-b", tree, version, log=log)
    images.run("chroot", tree, "update-initramfs", "-c", "-k", version, log=log)
    images.make_disk(CLOUD, tree, directory / "disk.raw", log)
    images.prepare(CLOUD, directory, tree, version)
    images.run("qemu-img", "convert", "-O", "qcow2", directory / "disk.raw", directory / "cloud.qcow2", log=log)
    shutil.rmtree(tree)
    (directory / "disk.raw").unlink()


def install(tree, log):
    words = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
             "--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=force-unsafe-io",
             *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
             f"--include={','.join(PACKAGES + ('grub-pc',))}", "bookworm", str(tree), *recipe.MIRRORS]
    # INITRD=No: the kernel package's hook; the initramfs is made once, with the files that steer it.
    try:
        images.run(*words, log=log, env={**os.environ, "INITRD": "No"})
    except RuntimeError as error:
        if any(words in str(error) for words in images.NO_NETWORK):
            raise images.CannotFetch(f"Debian's packages cannot be fetched:\n{error}") from error
        raise


def write_files(tree):
    files = {**FILES, "/prepare": recipe.PREPARE.format(commands=CLOUD.prepare)}
    for path, content in files.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (tree / "prepare").chmod(0o755)
    # Empty: systemd makes one at the first boot, as for any copy of an image.
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").unlink(missing_ok=True)
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (tree / "etc/systemd/system/multi-user.target.wants/e2scrub_reap.service").unlink(missing_ok=True)
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    for unit in ("systemd-networkd.service", "systemd-resolved.service"):
        (wants / unit).unlink(missing_ok=True)
        (wants / unit).symlink_to(f"/lib/systemd/system/{unit}")


if __name__ == "__main__":
    print(cloud_image())
