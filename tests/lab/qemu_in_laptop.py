"""This machine's QEMU for a laptop whose disk has none: with its libraries, run by their own loader."""
import glob
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

import qemu

PROGRAM = "/opt/qemu/qemu"
WRAPPER = """#!/bin/sh
export QEMU_MODULE_DIR=/opt/qemu/modules
exec /opt/qemu/lib/ld-linux-x86-64.so.2 --library-path /opt/qemu/lib /opt/qemu/qemu-system-x86_64 -L /opt/qemu/share "$@"
"""
FIRMWARE = ("bios-256k.bin", "kvmvapic.bin", "vgabios-stdvga.bin", "linuxboot_dma.bin", "efi-e1000e.rom")


def libraries(program):
    """What a program is linked with, its loader included."""
    listed = subprocess.run(["ldd", program], capture_output=True, check=True, text=True).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", listed)))


def pack(path):
    program = shutil.which(qemu.PROGRAM)
    with tarfile.open(path, "w", dereference=True) as archive, tempfile.NamedTemporaryFile("w") as wrapper:
        wrapper.write(WRAPPER)
        wrapper.flush()
        os.chmod(wrapper.name, 0o755)
        archive.add(wrapper.name, "qemu/qemu")
        archive.add(program, f"qemu/{qemu.PROGRAM}")
        for library in libraries(program):
            archive.add(library, f"qemu/lib/{pathlib.Path(library).name}")
        for module in glob.glob("/usr/lib/*/qemu/accel-tcg-x86_64.so"):  # Debian's has it apart
            archive.add(module, f"qemu/modules/{pathlib.Path(module).name}")
        for directory in ("/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu"):
            for name in FIRMWARE:
                if os.path.exists(f"{directory}/{name}"):
                    archive.add(f"{directory}/{name}", f"qemu/share/{name}")


def install(laptop):
    """Puts it into a running laptop; PROGRAM is then its QEMU."""
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        pack(archive.name)
        laptop.put(archive.name, "/root/qemu.tar")
    laptop.check("tar -C /opt -xf /root/qemu.tar && rm /root/qemu.tar")
