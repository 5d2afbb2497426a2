"""What others say of the files of `cleave vm export`: a real libvirtd, KubeVirt's own schema, shells.

Each says what it has skipped: libvirtd with virsh (data/packages/install.sh test), the schema
../shared/schemas/kubevirt-v1.json beside the repository, python3-jsonschema. Of Proxmox VE and
quickemu there is no program to ask; bash reads quickemu's file, and nothing more is tested of it.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden/vm"
SCHEMA = TESTS.parent.parent / "shared/schemas/kubevirt-v1.json"
CLEAVE = os.environ["CLEAVE"]
NAMES = sorted(path.stem for path in GOLDEN.glob("*.toml"))
LIMIT_S = 60


def export(name, form, directory):
    """Exports a copy of an example, whose relative files are then in `directory`."""
    copy = pathlib.Path(directory) / f"{name}.toml"
    shutil.copy(GOLDEN / f"{name}.toml", copy)
    done = subprocess.run([CLEAVE, "--json", "vm", "export", str(copy), "--format", form,
                           "--output", "-"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{name} as {form}: {done.stderr}")
    return {file["name"]: file["content"] for file in json.loads(done.stdout)["files"]}


class Oracle(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="cleave-export-")
        self.addCleanup(self.place.cleanup)
        self.directory = pathlib.Path(self.place.name)

    def run_of(self, *words, **more):
        return subprocess.run(words, capture_output=True, text=True, check=False, **more)


class Shells(Oracle):
    def test_scripts_are_read_by_a_posix_shell(self):
        shell = shutil.which("dash") or "sh"
        for name in NAMES:
            for content in export(name, "script", self.directory).values():
                read = self.run_of(shell, "-n", input=content)
                self.assertEqual((read.returncode, read.stderr), (0, ""), name)

    def test_quickemus_files_are_read_by_bash(self):
        for name in NAMES:
            for content in export(name, "quickemu", self.directory).values():
                read = self.run_of("bash", "-n", input=content)
                self.assertEqual((read.returncode, read.stderr), (0, ""), name)

    @unittest.skipUnless(shutil.which("qemu-system-x86_64"), "skipped: no qemu-system-x86_64")
    def test_a_script_starts_qemu_with_the_arguments_of_vm_command(self):
        (self.directory / "tiny.toml").write_text(
            'accelerator = "tcg"\nmemory = "64M"\n[display]\ntype = "none"\n')
        runtime = {**os.environ, "XDG_RUNTIME_DIR": str(self.directory)}
        done = self.run_of(CLEAVE, "vm", "export", str(self.directory / "tiny.toml"), "--format",
                           "script", "--output", str(self.directory), env=runtime)
        self.assertEqual(done.returncode, 0, done.stderr)
        script = self.directory / "tiny.sh"
        self.assertEqual(script.stat().st_mode & 0o777, 0o644)
        socket = re.search(r"unix:(\S+/qmp\.sock)", script.read_text()).group(1)
        pathlib.Path(socket).unlink(missing_ok=True)
        qemu = subprocess.Popen(["sh", str(script)], env=runtime, stderr=subprocess.PIPE)
        try:
            begin = time.monotonic()
            while not pathlib.Path(socket).exists():
                if qemu.poll() is not None:
                    self.fail(qemu.stderr.read().decode())
                self.assertLess(time.monotonic() - begin, LIMIT_S, "QEMU has no monitor")
                time.sleep(0.1)
            started = pathlib.Path(f"/proc/{qemu.pid}/cmdline").read_text().split("\0")[1:-1]
        finally:
            qemu.kill()
            qemu.wait()
            qemu.stderr.close()
        command = json.loads(self.run_of(CLEAVE, "--json", "vm", "command",
                                         str(self.directory / "tiny.toml"), env=runtime).stdout)
        self.assertEqual(started, command["argv"][1:])


@unittest.skipUnless(SCHEMA.exists(), "skipped: no schema")
class KubeVirt(Oracle):
    def test_objects_are_as_its_schema_wants_them(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("skipped: no python3-jsonschema")
        document = json.loads(SCHEMA.read_text())
        # OpenAPI does not say that there is nothing else; a misspelt field would be lost in silence.
        for definition in document["definitions"].values():
            if "properties" in definition:
                definition["additionalProperties"] = False
        kinds = set()
        for name in NAMES:
            for file, content in export(name, "kubevirt", self.directory).items():
                thing = json.loads(content)
                kinds.add(thing["kind"])
                validator = jsonschema.Draft4Validator(
                    {"$ref": f"#/definitions/v1.{thing['kind']}", **document})
                problems = [f"{list(each.path)}: {each.message}"
                            for each in validator.iter_errors(thing)]
                self.assertEqual(problems, [], file)
        self.assertIn("VirtualMachine", kinds)


@unittest.skipUnless(shutil.which("libvirtd") and shutil.which("virsh"),
                     "skipped: no libvirtd or virsh")
class Libvirt(Oracle):
    """A libvirtd of this test's own, in the user's mode, with everything below one directory."""

    def setUp(self):
        super().setUp()
        runtime = self.directory / "r"
        runtime.mkdir(mode=0o700)
        # Root's libvirtd is the machine's own; this one belongs to a user, whoever runs the test.
        self.as_user = []
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            for path in (self.directory, runtime):
                os.chown(path, 65534, 65534)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(self.directory),
                            "XDG_CONFIG_HOME": str(self.directory / "c"),
                            "XDG_CACHE_HOME": str(self.directory / "k"),
                            "LIBVIRT_AUTOSTART": "0"}
        self.socket = runtime / "libvirt/libvirt-sock"
        self.daemon = subprocess.Popen([*self.as_user, "libvirtd"], env=self.environment, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.addCleanup(self.end)
        self.uri = f"qemu+unix:///session?socket={self.socket}"
        begin = time.monotonic()
        while self.virsh("version").returncode != 0:
            if self.daemon.poll() is not None or time.monotonic() - begin > LIMIT_S:
                self.skipTest("skipped: libvirtd does not answer here: "
                              + self.virsh("version").stderr.strip())
            time.sleep(0.5)
        self.capabilities = self.virsh("domcapabilities", "--virttype", "qemu").stdout
        self.has_kvm = self.virsh("domcapabilities", "--virttype", "kvm").returncode == 0

    def end(self):
        self.daemon.kill()
        self.daemon.wait()

    def virsh(self, *words):
        return self.run_of(*self.as_user, "virsh", "--connect", self.uri, *words, env=self.environment)

    def native(self, xml):
        # For this one command libvirtd would make taps, and look for a render node (qemu_driver.c,
        # qemuConnectDomainXMLToNative).
        text = re.sub(r"<interface.*?</interface>", "", xml.read_text(), flags=re.S)
        text = text.replace("<graphics type='egl-headless'/>",
                            "<graphics type='egl-headless'><gl rendernode='/dev/null'/></graphics>")
        xml.write_text(text)
        done = self.virsh("domxml-to-native", "qemu-argv", "--xml", str(xml))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def define(self, name):
        """The native command line of an example, None where this libvirt or QEMU lacks something."""
        files = export(name, "libvirt", self.directory)
        xml = self.directory / f"{name}.xml"
        text = files[next(file for file in files if not file.endswith("-vgpu.xml"))]
        # A QEMU that is not here.
        text = re.sub(r"<emulator>/opt.*?</emulator>", "", text)
        if not re.search(r"backendVersion.*?>2\.0<", self.capabilities, flags=re.S):
            text = re.sub(r"<tpm.*?</tpm>", "", text, flags=re.S)
        # Without KVM libvirtd knows no domains of its kind.
        if not self.has_kvm:
            text = text.replace("<domain type='kvm'", "<domain type='qemu'")
            text = re.sub(r"<cpu mode='host-passthrough'[^>]*>", "<cpu mode='maximum'>", text)
            text = re.sub(r"\s*<hyperv.*?</hyperv>", "", text, flags=re.S)
            text = re.sub(r"\s*<timer name='(hypervclock|pit)'[^>]*/>", "", text)
        xml.write_text(text)
        xml.chmod(0o644)
        checked = self.virsh("define", str(xml), "--validate")
        self.assertEqual(checked.returncode, 0, f"{name}: {checked.stderr}\n{text}")
        return text, xml

    def test_every_example_is_defined(self):
        # Only the machine's own libvirtd may start virtiofsd (qemu_validate.c).
        names = [name for name in NAMES if name != "virtiofs"]
        defined = set()
        for name in names:
            with self.subTest(name):
                text, _ = self.define(name)
                defined.add(re.search(r"<name>(.*?)</name>", text).group(1))
        self.assertEqual(set(self.virsh("list", "--all", "--name").stdout.split()), defined)

    def test_the_native_command_line_has_the_same_gpu_and_machine(self):
        for name in ("win10", "mdev-dmabuf", "gpu-not-shown", "passthrough-linux-headless",
                     "virtio-gpu"):
            with self.subTest(name):
                text, xml = self.define(name)
                native = self.native(xml)
                self.assertRegex(native, r"-machine '?pc-(q35|i440fx)")
                uuid = re.search(r"<address uuid='([0-9a-f-]+)'", text)
                if uuid:
                    self.assertIn(f"/sys/bus/mdev/devices/{uuid.group(1)}", native)
                    shown = re.search(r"display='(on|off)'", text).group(1)
                    self.assertRegex(native, rf'"?display"?[:=]"?{shown}')
                elif "type='pci' managed" in text:
                    self.assertIn("0000:01:00.0", native)
                else:
                    self.assertIn("virtio-vga", native)
                if "x-igd-opregion" in text:
                    self.assertRegex(native, r'x-igd-opregion"?[:=]"?(true|on)')

    def test_what_libvirt_makes_of_a_domain_is_imported_again(self):
        for name in ("win10", "linux-ten-lines", "disk-interfaces", "topology"):
            with self.subTest(name):
                text, _ = self.define(name)
                defined = re.search(r"<name>(.*?)</name>", text).group(1)
                dumped = self.directory / "dumped.xml"
                dumped.write_text(self.virsh("dumpxml", "--inactive", defined).stdout)
                done = self.run_of(CLEAVE, "--json", "vm", "import", str(dumped), "--name",
                                   f"again-{name}", env=self.environment)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
