#!/usr/bin/env python3
"""`cleave qemu build` step by step, on a source of a few lines that stands in for QEMU's.

Its configure writes a build.ninja whose steps take some tenths of a second, and what it installs
starts this machine's QEMU, so that the proof is real. Takes some seconds.
"""
import hashlib
import io
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest

from qemu_user import User, processes_below

QEMU = shutil.which("qemu-system-x86_64")
STEPS = 20
# As QEMU's own: it is started in the directory of the build.
CONFIGURE = """#!/usr/bin/env python3
import pathlib, sys
words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
source = pathlib.Path(__file__).resolve().parent
print("configured with", *sys.argv[1:])
if (source / "refuse").exists():
    sys.exit("ERROR: Dependency \\"nothing\\" not found, tried pkgconfig")
steps = "".join(f"build o{i}: step\\n" for i in range(%d))
inputs = " ".join(f"o{i}" for i in range(%d))
pathlib.Path("build.ninja").write_text(f'''
rule step
  command = sh {source}/step $out
  description = Compiling C object $out
build all: phony {inputs}
%s
rule install
  command = sh {source}/install {words["--prefix"]}
build install: install | all
default all
'''.replace("STEPS", steps))
""" % (STEPS, STEPS, "STEPS")
STEP = """if [ -e "$(dirname "$0")/broken" ] && [ "$1" = o7 ]; then
  echo "o7.c:3:1: error: expected a semicolon"; exit 1
fi
sleep 0.2; echo "$1" >>made; touch "$1"
"""
INSTALL = """mkdir -p "$DESTDIR$1/bin"
printf '#!/bin/sh\\nexec %s "$@"\\n' >"$DESTDIR$1/bin/qemu-system-x86_64"
chmod 755 "$DESTDIR$1/bin/qemu-system-x86_64"
""" % QEMU
CONSOLE = "#define GUI_REFRESH_INTERVAL_DEFAULT    30\n"
VNC = "#define VNC_REFRESH_INTERVAL_INC  50\n"
# What this machine's QEMU may lack; it was built by somebody else.
WITHOUT = ["--without", "virgl,opengl,gtk,spice,sandbox,usb-redirection,usb-host,slirp"]


def version_of_this_qemu():
    text = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"version (\d+\.\d+\.\d+)", text).group(1)


@unittest.skipUnless(QEMU, "no QEMU")
class Steps(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="cleave-qemu-")
        self.addCleanup(scratch.cleanup)
        self.user = User(scratch.name)
        self.version = version_of_this_qemu()
        self.source = self.user.directory / "qemu-source"
        files = {"VERSION": self.version + "\n", "configure": CONFIGURE, "step": STEP,
                 "install": INSTALL, "include/ui/console.h": CONSOLE, "ui/vnc.c": VNC,
                 "pc-bios/bios-256k.bin": ""}
        for name, text in files.items():
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if name == "configure" else 0o644)
        # A version that it is not: ends after the packages were looked at.
        asked = self.user.json(*self.words("--version", "1.0.0"), status=None)
        if asked.get("outcome") == "missing-packages":
            self.skipTest(f"not there: {asked['missing']}")
        shutil.rmtree(self.user.directory / "cache/cleave/qemu-build")

    def words(self, *more):
        return ["qemu", "build", "--source", str(self.source), *WITHOUT, *more]

    def build(self, *more):
        return self.user.json(*self.words(*more))

    def work(self):
        return list((self.user.directory / "cache/cleave/qemu-build").glob("*"))

    def names(self):
        programs = self.user.json("qemu", "list", status=None)["programs"]
        return [one["built_by_cleave"]["name"] for one in programs if one["built_by_cleave"]]

    def snapshot(self):
        return {str(path): path.read_bytes() for path in self.source.rglob("*") if path.is_file()}

    def test_builds_proves_lists_and_removes(self):
        before = self.snapshot()
        report = self.build("--fresh")
        self.assertEqual(report["outcome"], "built")
        self.assertEqual((report["name"], report["build"]["version"]), (self.version, self.version))
        self.assertGreaterEqual(report["build"]["proof"]["guest_frames"], 10)
        self.assertIn("none", report["build"]["proof"]["displays"])
        self.assertEqual(self.names(), [self.version])
        self.assertEqual(self.snapshot(), before, "the source directory was touched")
        self.assertEqual(self.work(), [], "what it worked with is left")
        self.assertEqual(self.build()["outcome"], "already-there")
        # Another way under the same name is refused; another name is another build.
        errors = self.user.run(*self.words("--with", "lto"), status=3)[1]
        self.assertIn("--name", errors)
        self.assertEqual(self.build("--with", "lto", "--name", "fast")["name"], "fast")
        self.assertEqual(self.names(), [self.version, "fast"])
        self.user.run("qemu", "remove", "fast")
        self.assertEqual(self.names(), [self.version])
        self.user.run("qemu", "remove", "fast", status=3)

    def test_a_vm_uses_it_by_name(self):
        self.build("--name", "mine")
        self.user.define("uses", 'qemu = "mine"\naccelerator = "tcg"\n[display]\ntype = "none"\n')
        self.user.run("vm", "start", "uses")
        self.addCleanup(lambda: self.user.run("vm", "kill", "uses", status=None))
        errors = self.user.run("qemu", "remove", "mine", status=3)[1]
        self.assertIn("uses", errors)
        self.assertEqual(self.names(), ["mine"])

    def test_goes_on_after_an_interruption(self):
        process = self.user.start(*self.words("--jobs", "1"), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        for line in process.stderr:
            if re.search(r"[3-5]\d %", line):
                break
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 3)
        self.assertIn("goes on where it stopped", errors)
        self.assertEqual(processes_below(self.user.directory / "cache"), [])
        self.assertEqual(self.names(), [])
        work = self.work()[0]
        before = (work / "tree/build/made").read_text().split()
        self.assertGreaterEqual(len(before), 5)
        self.assertLess(len(before), STEPS)
        report = self.build("--keep")
        self.assertEqual(report["continued"], ["fetch", "unpack", "change", "configure"])
        after = (work / "tree/build/made").read_text().split()
        # The one that was cut off may be there twice.
        self.assertEqual(sorted(set(after)), sorted(f"o{i}" for i in range(STEPS)))
        self.assertLessEqual(len(after), STEPS + 1)

    def test_other_options_configure_anew(self):
        (self.source / "broken").touch()
        self.user.run(*self.words(), status=3)
        (self.source / "broken").unlink()
        report = self.build("--with", "lto")
        self.assertEqual(report["continued"], ["fetch", "unpack", "change"])

    def test_a_failure_says_why_and_goes_on_later(self):
        (self.source / "broken").touch()
        errors = self.user.run(*self.words(), status=3)[1]
        self.assertIn("o7.c:3:1: error: expected a semicolon", errors)
        self.assertIn("build.log", errors)
        (self.source / "broken").unlink()
        self.assertEqual(self.build()["outcome"], "built")
        (self.source / "refuse").touch()
        errors = self.user.run(*self.words("--name", "other"), status=3)[1]
        self.assertIn('Dependency "nothing" not found', errors)

    def test_refresh_changes_a_copy(self):
        before = self.snapshot()
        report = self.build("--refresh-ms", "4", "--keep")
        self.assertEqual(report["name"], f"{self.version}-refresh-4ms")
        self.assertEqual(self.snapshot(), before)
        tree = self.work()[0] / "tree"
        self.assertIn("DEFAULT    4\n", (tree / "source/include/ui/console.h").read_text())
        self.assertIn("INC  1\n", (tree / "source/ui/vnc.c").read_text())
        shown = self.user.run("qemu", "list", status=None)[0]
        self.assertIn("4 ms", shown)
        (self.source / "ui/vnc.c").write_text("#define VNC_REFRESH_INTERVAL_INC  40\n")
        errors = self.user.run(*self.words("--refresh-ms", "5"), status=3)[1]
        self.assertIn("exactly once", errors)

    def test_tarballs_and_their_sums(self):
        tarball = self.user.directory / "qemu-x.tar.xz"
        with tarfile.open(tarball, "w:xz") as archive:
            archive.add(self.source, arcname="qemu-x")
        sum_of_it = hashlib.sha256(tarball.read_bytes()).hexdigest()
        words = ["qemu", "build", "--source", str(tarball), *WITHOUT]
        errors = self.user.run(*words, "--sha256", "0" * 64, status=3)[1]
        self.assertIn(sum_of_it, errors)
        report = self.user.json(*words, "--sha256", sum_of_it)
        self.assertEqual(report["build"]["source_detail"], "sha256 " + sum_of_it)
        self.user.run("qemu", "remove", report["name"])
        with tarfile.open(tarball, "w:xz") as archive:
            entry = tarfile.TarInfo("qemu-x/../../../escaped")
            entry.size = 1
            archive.addfile(entry, io.BytesIO(b"x"))
        self.user.run(*words, status=3)
        self.assertEqual(list(self.user.directory.rglob("escaped")), [])

    def test_what_is_said_of_a_tarball_is_wrong_usage_elsewhere(self):
        for option, value in (("--sha256", "0" * 64), ("--key", "/dev/null")):
            errors = self.user.run(*self.words(option, value), status=2)[1]
            self.assertIn(option, errors)
        errors = self.user.run("qemu", "build", "--version", "8.2.0", "--sha256", "abc", status=2)[1]
        self.assertIn("64", errors)
        self.assertEqual(self.names(), [])

    @unittest.skipUnless(shutil.which("gpg") and shutil.which("gpgv"), "skipped: no gpg")
    def test_signatures_of_tarballs(self):
        tarball = self.user.directory / "qemu-x.tar.xz"
        with tarfile.open(tarball, "w:xz") as archive:
            archive.add(self.source, arcname="qemu-x")
        with tempfile.TemporaryDirectory() as home:
            def gpg(*words):
                return subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "",
                                       *words], check=True, capture_output=True).stdout

            keyrings = {}
            for name in ("release", "stranger"):
                gpg("--quick-gen-key", f"{name}@example.org", "ed25519", "sign", "never")
                keyrings[name] = self.user.directory / f"{name}.gpg"
                keyrings[name].write_bytes(gpg("--export", f"{name}@example.org"))
            signature = self.user.directory / "qemu-x.tar.xz.sig"
            gpg("--local-user", "release@example.org", "--output", str(signature), "--detach-sign",
                str(tarball))
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        for path in (tarball, signature, *keyrings.values()):
            path.chmod(0o644)
        words = ["qemu", "build", "--source", str(tarball), *WITHOUT, "--key"]
        errors = self.user.run(*words, str(keyrings["stranger"]), status=3)[1]
        self.assertIn("no good signature", errors)
        self.assertEqual(self.names(), [])
        report = self.user.json(*words, str(keyrings["release"]))
        self.assertEqual((report["outcome"], report["verified"]), ("built", True))
        self.user.run("qemu", "remove", report["name"])
        tarball.write_bytes(tarball.read_bytes() + b"x")
        self.user.run(*words, str(keyrings["release"]), "--fresh", status=3)

    def test_a_prefix_of_ones_own(self):
        place = self.user.directory / "home/my-qemu"
        report = self.build("--prefix", str(place), "--name", "here")
        self.assertEqual(report["prefix"], str(place))
        self.assertEqual(self.names(), ["here"])
        (self.user.directory / "home/full").mkdir()
        (self.user.directory / "home/full/file").touch()
        self.user.run(*self.words("--prefix", str(self.user.directory / "home/full"), "--name",
                                  "full"), status=3)
        self.assertTrue((self.user.directory / "home/full/file").exists())
        self.user.run("qemu", "remove", "here")
        self.assertFalse(place.exists())
        self.assertEqual(self.names(), [])

    def test_one_at_a_time(self):
        process = self.user.start(*self.words(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in process.stderr:
            if "%" in line:
                break
        errors = self.user.run(*self.words(), status=3)[1]
        self.assertIn("Another process uses", errors)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(processes_below(self.user.directory / "cache"), [])


if __name__ == "__main__":
    unittest.main()
