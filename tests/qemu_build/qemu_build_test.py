#!/usr/bin/env python3
"""Builds this distribution's QEMU, interrupted in the middle, and starts a VM on it.

Needs the network and the packages of data/packages/qemu-build.txt; 7 minutes of two free cores.
CLEAVE_QEMU_BUILD_DIRECTORY names a directory that is kept, with the QEMU in it, for the benchmark.
CLEAVE_QEMU_REFRESH_MS builds one whose displays look that often.
"""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

from qemu_user import User, processes_below

KEPT = os.environ.get("CLEAVE_QEMU_BUILD_DIRECTORY")
REFRESH = os.environ.get("CLEAVE_QEMU_REFRESH_MS")
DEFINITION = """qemu = "{name}"
accelerator = "tcg"
cpus = 1
memory = "128M"
[display]
type = "none"
"""


class RealBuild(unittest.TestCase):
    def setUp(self):
        if KEPT:
            pathlib.Path(KEPT).mkdir(parents=True, exist_ok=True)
        else:
            self.scratch = tempfile.TemporaryDirectory(prefix="cleave-qemu-")
            self.addCleanup(self.scratch.cleanup)
        self.user = User(KEPT or self.scratch.name)
        self.words = ["qemu", "build", "--source", "distribution"]
        self.work = "distribution"
        if REFRESH:
            self.words += ["--refresh-ms", REFRESH]
            self.work += f"-refresh-{REFRESH}ms"

    def interrupt_in_the_middle(self):
        """Ctrl-C once a fifth is compiled; returns the percentage at which it came."""
        process = self.user.start(*self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        percent = 0
        for line in process.stderr:
            print(line, end="", flush=True)
            match = re.search(r"(\d+) %", line)
            if match and int(match.group(1)) >= 20:
                percent = int(match.group(1))
                break
        self.assertTrue(percent, "it ended before it compiled")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        print(f"--- Ctrl-C at {percent} %, ended after {time.monotonic() - began:.1f} s\n{errors}",
              flush=True)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn("goes on where it stopped", errors)
        self.assertEqual(processes_below(self.user.directory / "cache"), [])

    def shown(self):
        programs = self.user.json("qemu", "list", status=None)["programs"]
        return [one for one in programs if one["built_by_cleave"]]

    def test_builds_what_a_vm_uses(self):
        self.interrupt_in_the_middle()
        self.assertEqual(self.shown(), [])
        compiled_before = self.user.build_log(self.work).count("Compiling C object")
        began = time.monotonic()
        report = self.user.json(*self.words)
        print(f"--- continued for {time.monotonic() - began:.0f} s", flush=True)
        self.assertEqual(report["outcome"], "built")
        self.assertEqual(report["continued"], ["fetch", "unpack", "change", "configure"])
        log = pathlib.Path(report["log"]).read_text()
        # What was complete is not compiled again: each object once, but for those cut off.
        objects = re.findall(r"Compiling C object (\S+)", log)
        print(f"--- {compiled_before} objects before, {len(objects)} in all, "
              f"{len(set(objects))} different", flush=True)
        self.assertGreater(compiled_before, 50)
        self.assertLess(len(objects) - len(set(objects)), 20)

        name = report["name"]
        built = self.shown()
        self.assertEqual([one["built_by_cleave"]["name"] for one in built], [name])
        abilities = built[0]["abilities"]
        for ability in ("kvm", "virgl", "vgpu_display", "spice", "sandbox"):
            self.assertTrue(abilities[ability], ability)
        self.assertIn("gtk", abilities["opengl_displays"])
        print(self.user.run("qemu", "list", status=None)[0], flush=True)
        self.use(name, report["prefix"])
        again = self.user.json(*self.words)
        self.assertEqual((again["outcome"], again["name"]), ("already-there", name))
        if not KEPT:
            self.user.run("vm", "kill", "built")
            (self.user.directory / "config/cleave/vms/built.toml").unlink()
            self.user.run("qemu", "remove", name)
            self.assertEqual(self.shown(), [])

    def use(self, name, prefix):
        self.user.define("built", DEFINITION.format(name=name))
        self.user.run("vm", "start", "built")
        self.addCleanup(lambda: self.user.run("vm", "kill", "built", status=None))
        status = self.user.json("vm", "status", "built")["vm"]
        print(status["status"], status["guest_status"], flush=True)
        process = status["process_id"]
        self.assertTrue(os.readlink(f"/proc/{process}/exe").startswith(prefix))
        errors = self.user.run("qemu", "remove", name, status=3)[1]
        self.assertIn("built", errors)
        if KEPT:
            self.user.run("vm", "kill", "built")


if __name__ == "__main__":
    unittest.main()
