"""Somebody who uses cleave: a user of this machine with a home, a name and settings of their own, of which the machine
keeps nothing. What lies in /etc is laid over the machine's own for this user's commands alone."""
import json
import os
import pathlib
import shutil
import subprocess

NUMBER = 4711  # nobody else's

# Read-only layers, the person's first (Documentation/filesystems/overlayfs.rst, "Multiple lower layers").
ENTER = """\
layers="$1"; shift
for directory in etc usr/libexec; do
  mount -t overlay person -o "lowerdir=$layers/$directory:/$directory" "/$directory" || exit 99
done
exec setpriv --reuid={number} --regid={number} --clear-groups -- "$@"
""".format(number=NUMBER)


class Person:
    def __init__(self, scratch, cleave, name="mina", locale="ko_KR.UTF-8", keyboard="kr", zone="Asia/Seoul"):
        self.name = name
        self.cleave = cleave
        self.scratch = pathlib.Path(scratch)
        self.home = self.scratch / "home"
        self.runtime = self.scratch / "run"
        layers = self.scratch / "layers"
        (layers / "etc/default").mkdir(parents=True)
        (layers / "usr/libexec").mkdir(parents=True)
        self.libexec = layers / "usr/libexec"
        for directory in (self.home, self.runtime):
            directory.mkdir(mode=0o700)
            os.chown(directory, NUMBER, NUMBER)
        self.scratch.chmod(0o755)
        passwd = pathlib.Path("/etc/passwd").read_text(encoding="utf-8")
        (layers / "etc/passwd").write_text(f"{passwd}{name}:x:{NUMBER}:{NUMBER}::{self.home}:/bin/bash\n")
        (layers / "etc/default/locale").write_text(f"LANG={locale}\n")
        (layers / "etc/default/keyboard").write_text(f'XKBMODEL="pc105"\nXKBLAYOUT="{keyboard}"\nXKBVARIANT=""\n')
        (layers / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{zone}")
        self._layers = layers

    def argv(self, *words):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter", str(self._layers),
                *(str(word) for word in words)]

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": str(self.runtime)}

    def run(self, *words, limit=600, **options):
        """What `cleave WORDS…` came to: its exit status and what it said."""
        return subprocess.run(self.argv(self.cleave, *words), env=self.environment(), cwd=self.home, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit,
                              check=False, **options)

    def json(self, *words, limit=600):
        done = subprocess.run(self.argv(self.cleave, "--json", *words), env=self.environment(), cwd=self.home, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=False)
        if not done.stdout:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def write(self, path, text):
        """A file below the home."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        for made in (file, *file.parents):
            if made == self.home:
                break
            os.chown(made, NUMBER, NUMBER)
        return file

    def give(self, source, name):
        """A copy of a file of this machine, in the home."""
        target = self.home / name
        shutil.copy(source, target)
        os.chown(target, NUMBER, NUMBER)
        return target
