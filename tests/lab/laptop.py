"""A booted virtual laptop for tests, and cleave run on this machine."""
import json
import os
import subprocess
import unittest
import uuid

CLEAVE = os.environ["CLEAVE"]  # set by CMake: the release build, as users have it


def cleave(*words, timeout=300, **options):
    """Runs cleave on this machine."""
    return subprocess.run([CLEAVE, *words], capture_output=True, text=True, timeout=timeout,
                          check=False, **options)


class LaptopTest(unittest.TestCase):
    """Tests that share one laptop, booted before the first of them."""

    module_parameters = ()
    devices = ()  # further hardware, each as QEMU's -device takes it

    @classmethod
    def setUpClass(cls):
        cls.name = f"test-{uuid.uuid4().hex[:8]}"
        parameters = [word for parameter in cls.module_parameters
                      for word in ("--module-parameter", parameter)]
        devices = [word for device in cls.devices for word in ("--device", device)]
        started = cleave("lab", "up", "--name", cls.name, *parameters, *devices, timeout=600)
        if started.returncode != 0:
            raise AssertionError(f"the laptop did not start:\n{started.stdout}{started.stderr}")

    @classmethod
    def tearDownClass(cls):
        cleave("lab", "down", "--name", cls.name)

    def run_in_laptop(self, *argv, fetch=(), timeout=300):
        gets = [word for path in fetch for word in ("--get", path)]
        # The laptop ends a command of its own accord, and tells why; this process waits a bit longer.
        return cleave("lab", "run", "--name", self.name, "--limit", str(timeout), *gets, "--", *argv,
                      timeout=timeout + 30)

    def laptop_cleave(self, *words, **options):
        return self.run_in_laptop("cleave", *words, **options)

    def laptop_json(self, *words, expected_status=0):
        result = self.laptop_cleave(*words, "--json")
        self.assertEqual(result.returncode, expected_status, result.stdout + result.stderr)
        return json.loads(result.stdout)
