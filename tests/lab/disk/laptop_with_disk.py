"""A laptop with a disk and a boot loader: started from a base image or a saved state, and cut off at any moment."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import images
import qemu
from terminal import Commands, Gone, Terminal
from volatile_disk import DiskServer, Unflushed, VolatileDisk

BOOT_LIMIT = 300     # seconds; 25 were measured on a quiet machine, test machines are not quiet
COMMAND_LIMIT = 120
PROMPT = r"root@laptop:~# "
SHARE_TAG = "laptop-share"
SHARE_MOUNT = "/run/laptop-share"
# The port names that tests and QEMU agree on; the second has no kernel messages in it.
PERSON, COMMANDS = "ttyS0", "hvc0"


class LaptopWithDisk:
    """Use as a context: whatever happens, no process and no file is left."""

    def __init__(self, kind="grub", state=None, devices=()):
        """`state`: a directory that save() wrote; its laptop, which had the same devices, runs at once.
        `devices`: further hardware, each as QEMU's -device takes it."""
        self._kind = kind
        self._devices = [word for device in devices for word in ("-device", device)]
        self._state = state
        self._stack = contextlib.ExitStack()
        self._process = None
        self._person = self._commands = self._shell = self._control = None

    def __enter__(self):
        with self._stack:
            self._directory = pathlib.Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="laptop-")))
            self.share = self._directory / "share"
            self.share.mkdir()
            # The serial console of every boot, kept where somebody asked for it.
            logs = pathlib.Path(os.environ.get("CLEAVE_LAB_LOGS", self._directory))
            self.serial_log = logs / f"{self._directory.name}.log"
            image = images.base_image(self._kind)
            self.disk = VolatileDisk(image / "disk.raw")
            self._stack.callback(self.disk.close)
            server = DiskServer(self.disk, str(self._directory / "disk.sock"))
            self._stack.callback(server.close)
            self._stack.callback(self._end_process)
            firmware = image / "firmware.fd"
            if firmware.exists():
                shutil.copy(firmware, self._directory / "firmware.fd")
            if self._state is not None:
                self._restore()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    # Power

    def power_on(self):
        """Starts the machine; does not wait for anything."""
        self._start([])

    def power_cut(self, unflushed=Unflushed.LOST, seed=0):
        """Takes the power away now. What the guest has flushed stays; for the rest see volatile_disk.Unflushed."""
        self._end_process()
        self.disk.cut_power(unflushed, seed)

    def power_cut_at_write(self, count, limit, unflushed=Unflushed.LOST, seed=0):
        """Takes the power away before the count-th write from now on; False if there was none within the limit."""
        self.disk.stop_at_write(count)
        came = self.disk.stopped.wait(limit)
        self.power_cut(unflushed, seed)
        return came

    def power_button(self, limit=COMMAND_LIMIT):
        """Presses the power button and waits until the laptop has switched itself off."""
        self._ask("system_powerdown")
        self.wait_for_power_off(limit)

    def wait_for_power_off(self, limit=COMMAND_LIMIT):
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Gone(f"the laptop is still on after {limit} s") from None
        self._end_process()
        self.disk.cut_power(Unflushed.LOST)

    def begin_reboot(self):
        """Reboots by the system's own means; does not wait for anything."""
        self._person.forget()
        self._shell_at_hand(COMMAND_LIMIT).send("systemctl --no-block reboot")
        self._shell = None  # it may end before it can answer

    def reboot(self, limit=BOOT_LIMIT):
        """The text of the login that follows."""
        self.begin_reboot()
        return self.wait_for_login(limit)

    # Terminals

    def wait_for_login(self, limit=BOOT_LIMIT):
        """Waits for a root shell on the serial console; what a person saw on it until then."""
        self._shell = None
        return self._person.wait_for(PROMPT, limit)

    def boots_to_login(self, limit=BOOT_LIMIT):
        try:
            self.wait_for_login(limit)
        except Gone:
            return False
        return True

    def log_in_again(self, limit=COMMAND_LIMIT):
        """Ends the shell on the serial console; what is shown at the next login."""
        self._person.forget()
        self._person.send("exit\n")
        return self._person.wait_for(r"login: root \(automatic login\)[\s\S]*" + PROMPT, limit)

    def type(self, text):
        """Types on the serial console, in GRUB's menu as well."""
        self._person.send(text)

    def wait_for_text(self, pattern, limit=BOOT_LIMIT):
        return self._person.wait_for(pattern, limit)

    def run(self, script, limit=COMMAND_LIMIT):
        """Runs a bash script as root over the second terminal: status, stdout, stderr."""
        return self._shell_at_hand(limit).run(script, limit)

    def _shell_at_hand(self, limit):
        if self._shell is None:
            self._commands.wait_for(PROMPT, limit)
            shell = Commands(self._commands)
            shell.begin(limit)
            self._shell = shell
        return self._shell

    def check(self, script, limit=COMMAND_LIMIT):
        """Runs a script that has to succeed; its output as text."""
        done = self.run(script, limit)
        if done.status != 0:
            raise AssertionError(f"{script}: {done.status}\n{done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode()

    def kernel_command_line(self):
        return self.check("cat /proc/cmdline").split()

    # Files

    def put(self, path, destination):
        """Copies a file of this machine, with its mode, to a path in the laptop."""
        name = hashlib.sha256(str(destination).encode()).hexdigest()
        shutil.copy(path, self.share / name)
        self._with_share(f"cp -p --no-preserve=ownership {SHARE_MOUNT}/{name} '{destination}'")

    def get(self, path):
        """The content of a file in the laptop."""
        self._with_share(f"cat '{path}' > {SHARE_MOUNT}/got")
        return (self.share / "got").read_bytes()

    def _with_share(self, script):
        # Unmounted at once: a laptop with a mounted share cannot be saved.
        self.check(f"mkdir -p {SHARE_MOUNT} && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 {SHARE_TAG} "
                   f"{SHARE_MOUNT} && {{ {script}; status=$?; umount {SHARE_MOUNT}; exit $status; }}")

    # States

    def save(self, directory):
        """Writes the running laptop into a directory, and lets it run on."""
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._ask("stop")
        self._ask("migrate", uri=f"exec:cat > '{directory}/memory'")
        while (status := self._ask("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled"):
                raise Gone(f"the laptop's memory was not saved: {status}")
            time.sleep(0.05)
        self.disk.save(directory / "disk")
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(self._directory / "firmware.fd", directory / "firmware.fd")
        (directory / "shell").write_text(json.dumps(self._shell is not None))
        self._ask("cont")

    def _restore(self):
        state = pathlib.Path(self._state)
        self.disk.load(state / "disk")
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(state / "firmware.fd", self._directory / "firmware.fd")
        self._start(["-incoming", f"exec:cat '{state}/memory'"])
        end = time.monotonic() + COMMAND_LIMIT
        while self._ask("query-status")["status"] in ("inmigrate", "prelaunch"):
            if time.monotonic() > end:
                raise Gone("the saved laptop did not come back")
            time.sleep(0.02)
        self._ask("cont")
        if json.loads((state / "shell").read_text()):
            self._shell = Commands(self._commands)

    # QEMU

    def arguments(self):
        """QEMU's arguments; relative to the laptop's directory, so that they are the same for all."""
        return qemu.machine_arguments() + qemu.firmware_arguments(bool(images.recipe.KINDS[self._kind].esp_bytes)) + [
            "-blockdev", "driver=nbd,node-name=disk,server.type=unix,server.path=disk.sock",
            "-device", "virtio-blk-pci,drive=disk,write-cache=on",
            "-chardev", f"socket,id=person,path={PERSON}.sock,server=on,wait=off",
            "-device", "isa-serial,chardev=person",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=commands,path={COMMANDS}.sock,server=on,wait=off",
            "-device", "virtconsole,chardev=commands",
            "-fsdev", "local,id=share,path=share,security_model=none",
            "-device", f"virtio-9p-pci,fsdev=share,mount_tag={SHARE_TAG}",
            "-qmp", "unix:control.sock,server=on,wait=off"] + self._devices

    def _start(self, more):
        # The terminals are connected before the first instruction: nothing of a boot is missed.
        words = self.arguments() + ["-S"] + more
        for name in (PERSON, COMMANDS, "control"):
            with contextlib.suppress(FileNotFoundError):
                (self._directory / f"{name}.sock").unlink()
        with open(self._directory / "qemu.log", "ab") as log:
            self._process = subprocess.Popen(qemu.argv(words), cwd=self._directory, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log)
        self._control = self._connect_control()
        self._person = Terminal(str(self._directory / f"{PERSON}.sock"), self.serial_log)
        self._commands = Terminal(str(self._directory / f"{COMMANDS}.sock"))
        self._shell = None
        if not more:
            self._ask("cont")

    def _connect_control(self):
        """QMP's socket appears last, when the others are there."""
        end = time.monotonic() + COMMAND_LIMIT
        connection = socket.socket(socket.AF_UNIX)
        while True:
            try:
                connection.connect(str(self._directory / "control.sock"))
                break
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    connection.close()
                    raise Gone("QEMU did not start:\n" + (self._directory / "qemu.log").read_text()) from None
                time.sleep(0.02)
        control = connection.makefile("rwb", buffering=0)
        connection.close()  # the file keeps it open
        control.readline()
        self._control = control
        self._ask("qmp_capabilities")
        return control

    def _ask(self, command, **arguments):
        self._control.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while line := self._control.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise Gone(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Gone(f"{command}: QEMU has ended")

    def _end_process(self):
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process = self._shell = None
        for end in (self._person, self._commands, self._control):
            if end is not None:
                end.close()


def saved_login(kind="grub"):
    """A saved laptop of this kind at which root is logged in, made once: LaptopWithDisk(kind, saved_login(kind))."""
    def make(directory):
        with LaptopWithDisk(kind) as laptop:
            laptop.power_on()
            laptop.wait_for_login()
            laptop.run("systemctl is-system-running --wait")
            laptop.save(directory)

    laptop = LaptopWithDisk(kind)
    program = subprocess.run([qemu.PROGRAM, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(program + json.dumps(laptop.arguments()).encode()
                            + pathlib.Path(__file__).read_bytes() + (images.HERE / "terminal.py").read_bytes())
    name = f"{images.key(images.recipe.KINDS[kind])}-{digest.hexdigest()[:16]}"
    return images.made_once(name, make)
