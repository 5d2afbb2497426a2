"""What the base images are made from: packages, files, partitions. Everything here goes into an image's key."""
import dataclasses

MIRRORS = ("deb http://deb.debian.org/debian bookworm main",
           "deb http://deb.debian.org/debian-security bookworm-security main")

COMMON_PACKAGES = ("attr", "dbus", "initramfs-tools", "kmod", "linux-image-amd64", "login", "systemd-sysv", "udev", "zstd")

# Nothing on the laptop plays, films or talks to a network: a smaller disk, made and read faster. Documentation likewise.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/lib/modules/*/kernel/sound/*",
            "/lib/modules/*/kernel/drivers/media/*", "/lib/modules/*/kernel/drivers/net/*")

# Arbitrary, but the same in every image: what is compared over boots shall not depend on them.
ROOT_UUID = "6c617074-6f70-4c61-b0d1-73636c656176"
MACHINE_ID = "6c6170746f704c61b0d173636c656176"

ESP_SERIAL = "6C61706C"

DISK_BYTES = 2 << 30
MIB = 1 << 20

AUTOLOGIN = """\
[Service]
ExecStart=
ExecStart=-/sbin/agetty -o '-p -f -- \\\\u' --autologin root --keep-baud 115200,57600,38400,9600 - $TERM
"""

# Debian has every driver in the initramfs; this laptop's are known, and unpacking costs seconds under emulation. i915 is in
# it as it is on most laptops, so that a driver that hangs does so before any unit.
INITRAMFS_MODULES = "ext4\nvirtio_blk\nvirtio_pci\ni915\n"

# no_timer_check: lab/kernel/README.md, "Loading". It is in every entry, recovery included, as the console is.
KERNEL_ARGUMENTS = "console=ttyS0 no_timer_check"

DEFAULT_GRUB = f"""\
GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="{KERNEL_ARGUMENTS}"
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
"""

COMMON_FILES = {
    "/etc/hostname": "laptop\n",
    "/etc/hosts": "127.0.0.1 localhost laptop\n",
    "/etc/machine-id": MACHINE_ID + "\n",
    "/etc/initramfs-tools/modules": INITRAMFS_MODULES,
    "/etc/initramfs-tools/conf.d/laptop": "MODULES=list\nFSTYPE=ext4\n",
    "/etc/modules-load.d/lab-hardware.conf": "i915\n",
    "/etc/systemd/system/serial-getty@.service.d/autologin.conf": AUTOLOGIN,
}

# Runs as the first process of a boot with -kernel: the boot loader's own programs want the disk as it will be. It goes on
# from memory, so that the disk can be left clean, and does not end before the power goes.
PREPARE = """\
#!/bin/sh
if [ "$0" = /prepare ]; then cp /prepare /run/prepare; rm /prepare; exec sh /run/prepare; fi
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
if {commands}; then echo "laptop-$((40 + 2))-prepared"; fi
mount -o remount,ro /
echo o > /proc/sysrq-trigger
while :; do :; done
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of base image."""
    name: str
    packages: tuple = ()
    files: dict = dataclasses.field(default_factory=dict)
    # Shell words that install the boot loader, run by PREPARE.
    prepare: str = ""
    derived_from: str = ""
    # Commands run in a laptop of the kind it is derived from.
    derive: tuple = ()
    esp_bytes: int = 0  # with an EFI system partition the firmware is UEFI


GRUB = Kind(
    name="grub",
    packages=("grub-pc",),
    files={"/etc/default/grub": DEFAULT_GRUB, "/etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n"},
    prepare="grub-install /dev/vda && update-grub")

# Upstream's GRUB, as on Arch and openSUSE: one file of settings, no directory of drop-ins, no update-grub. dpkg knows both
# changes as diversions; the script is Debian's without the loop that reads the directory.
GRUB_SETTINGS = Kind(
    name="grub-settings",
    derived_from="grub",
    derive=(
        "dpkg-divert --quiet --local --rename --add /usr/sbin/update-grub",
        "dpkg-divert --quiet --local --rename --add /usr/sbin/grub-mkconfig",
        "sed '/^for x in .*default.grub.d/,/^done$/d' /usr/sbin/grub-mkconfig.distrib > /usr/sbin/grub-mkconfig",
        "chmod 755 /usr/sbin/grub-mkconfig && ! grep -q default/grub.d /usr/sbin/grub-mkconfig",
        "rm -r /etc/default/grub.d",
        "grub-mkconfig -o /boot/grub/grub.cfg",
    ))

# The ESP is where systemd-boot reads kernels from; 256 MiB hold two of them. Entries are boot-counted: "+3" in their names.
SYSTEMD_BOOT = Kind(
    name="systemd-boot",
    packages=("dosfstools", "systemd-boot"),
    files={
        "/etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\nUUID={ESP_SERIAL[:4]}-{ESP_SERIAL[4:]} /boot/efi "
                      "vfat umask=0077 0 1\n",
        "/etc/kernel/cmdline": f"root=UUID={ROOT_UUID} ro {KERNEL_ARGUMENTS} quiet\n",
        "/etc/kernel/tries": "3\n",
    },
    prepare="mkdir /boot/efi && modprobe vfat && mount /boot/efi && modprobe efivarfs && "
            "mount -t efivarfs efivarfs /sys/firmware/efi/efivars && bootctl install --make-entry-directory=yes && "
            "echo timeout 1 > /boot/efi/loader/loader.conf && "
            "kernel-install add {version} /boot/vmlinuz-{version} /boot/initrd.img-{version} && umount /boot/efi",
    esp_bytes=256 * MIB)

KINDS = {kind.name: kind for kind in (GRUB, GRUB_SETTINGS, SYSTEMD_BOOT)}
