"""What tests of `cleave qemu build` share: a user who is not root, with a place of his own.

Root's builds go to /usr/local/lib, where a test has no business: started by root, cleave is run as
nobody, with copies of what it needs of the build tree, into which nobody may not look.
"""
import json
import os
import pathlib
import shutil
import subprocess

NOBODY = 65534
CLEAVE = pathlib.Path(os.environ["CLEAVE"])
GUEST = "lab/guest/cleave-demo-guest.elf"


class User:
    def __init__(self, directory):
        """`directory`: a new one, or one that is kept between runs."""
        self.directory = pathlib.Path(directory)
        self.other = {} if os.geteuid() else {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        places = {"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config",
                  "XDG_RUNTIME_DIR": "run", "HOME": "home"}
        self.environment = {**os.environ, "LC_ALL": "C"}
        for variable in ("SUDO_UID", "SUDO_GID", "DISPLAY", "WAYLAND_DISPLAY"):
            self.environment.pop(variable, None)
        self.directory.chmod(0o755)
        for variable, name in places.items():
            place = self.directory / name
            place.mkdir(mode=0o700, exist_ok=True)
            self.give(place)
            self.environment[variable] = str(place)
        # pyenv and the like lie in root's home.
        self.environment["PATH"] = ":".join(
            part for part in os.environ["PATH"].split(":")
            if part.startswith(("/usr/", "/bin", "/sbin")))
        program = self.directory / "bin"
        (program / GUEST).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CLEAVE, program / "cleave")
        shutil.copy(CLEAVE.parent / GUEST, program / GUEST)
        self.program = str(program / "cleave")

    def give(self, path):
        if not os.geteuid():
            os.chown(path, NOBODY, NOBODY)

    def start(self, *words, **more):
        return subprocess.Popen([self.program, *words], env=self.environment, cwd="/", text=True,
                                **self.other, **more)

    def run(self, *words, status=0):
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = process.communicate()
        if status is not None and process.returncode != status:
            raise AssertionError(f"{words}: {process.returncode}\n{output}\n{errors}")
        return output, errors

    def json(self, *words, status=0):
        return json.loads(self.run(*words, "--json", status=status)[0])

    def build_log(self, name):
        return (self.directory / "cache/cleave/qemu-build" / name / "build.log").read_text()

    def define(self, name, text):
        vms = self.directory / "config/cleave/vms"
        vms.mkdir(parents=True, exist_ok=True)
        (vms / f"{name}.toml").write_text(text)
        for path in (vms.parent, vms, vms / f"{name}.toml"):
            self.give(path)


def processes_below(directory):
    """Of everybody: (id, command line) of those that work in a directory, or below it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            here = os.readlink(entry / "cwd")
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if words and (here + "/").startswith(str(directory) + "/"):
            found.append((int(entry.name), words.replace(b"\0", b" ").decode(errors="replace")))
    return found
