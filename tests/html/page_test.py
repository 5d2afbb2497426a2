"""The doctor's page as a file: nesting, names, references, policy, and how it is written."""
import base64
import hashlib
import html.parser
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import machines

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(html.parser.HTMLParser):
    """Collects problems of nesting, and what the tests ask for."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.problems, self.open, self.ids, self.links = [], [], [], []
        self.tags, self.text, self.headings, self.style, self.policy = set(), [], [], "", ""
        self.attributes, self.language = set(), None

    def handle_startendtag(self, tag, attrs):
        self.look_at(tag, dict(attrs))

    def handle_starttag(self, tag, attrs):
        self.look_at(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def look_at(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(attrs)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
        for name in ("aria-labelledby", "aria-describedby"):
            self.links += ["#" + word for word in attrs.get(name, "").split()]
        if tag == "html":
            self.language = attrs.get("lang")
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "p" in self.open and tag in {"p", "div", "ul", "ol", "dl", "table", "section", "h3"}:
            self.problems.append(f"<{tag}> inside <p>")
        if tag == "th" and attrs.get("scope") not in {"row", "col"}:
            self.problems.append("<th> without a scope")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader


class Pages(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)

    def pages(self):
        for machine in sorted(machines.MACHINES.glob("*.machine")) + [
                machines.crowded(self.directory)]:
            for language in machines.LANGUAGES:
                with self.subTest(machine=machine.stem, language=language):
                    page = self.directory / "page.html"
                    machines.write_page(machine, language, page)
                    yield language, page

    def test_every_machine_gives_a_sound_page(self):
        count = 0
        for language, page in self.pages():
            count += 1
            reader = read(page)
            self.assertEqual(reader.problems, [])
            self.assertEqual(reader.open, [])
            self.assertEqual(reader.language, language)
            self.assertEqual(len(reader.ids), len(set(reader.ids)))
            for link in reader.links:
                self.assertTrue(link.startswith("#") and link[1:] in reader.ids, link)
            self.assertEqual(reader.headings[0], 1)
            for before, after in zip(reader.headings, reader.headings[1:]):
                self.assertTrue(2 <= after <= before + 1, reader.headings)
            self.assertTrue({"header", "nav", "main", "footer"} <= reader.tags)
            # A field without a value, or markup that came from a machine.
            self.assertNotRegex("".join(reader.text), r"\{[a-z_]+\}")
            self.assertFalse({"script", "img", "iframe", "link", "b"} & reader.tags)
            self.assertFalse([name for name in reader.attributes
                              if name.startswith("on") or name in {"src", "style"}])
        self.assertGreater(count, 20)

    def test_the_policy_admits_the_style_sheet_and_nothing_else(self):
        page = self.directory / "page.html"
        machines.write_page(machines.MACHINES / "comet-lake-plain.machine", "en", page)
        reader = read(page)
        wanted = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
        self.assertEqual(reader.policy, f"default-src 'none'; style-src 'sha256-{wanted}'; "
                         "base-uri 'none'; form-action 'none'",
                         f"kDoctorStyleHash of doctor_html_style.cc has to be {wanted}")
        self.assertNotRegex(reader.style, r"url\(|@import|http")

    def test_what_the_machine_says_stays_text(self):
        page = self.directory / "page.html"
        machines.write_page(machines.crowded(self.directory), "en", page)
        text = "".join(read(page).text)
        for piece, there in (("<script>alert(1)</script><img src=\"http://example.net/x\"", True),
                             ("&amp;", True), ("\x1b", False), ("\u202e", False)):
            self.assertEqual(piece in text, there, piece)

    def test_all_groups_are_drawn_and_in_the_table(self):
        page = self.directory / "page.html"
        machines.write_page(machines.crowded(self.directory), "en", page)
        text = page.read_text(encoding="utf-8")
        wanted = [">In no group</text>"]
        for group in [*range(80), 200, 201]:
            wanted += [f">Group {group}</text>", f">Group {group}</th>"]
        for address in ("0000:90:00.0", "10000:e1:00.0", "0000:82:00.7"):
            wanted.append(f"<code>{address}</code>")
        self.assertEqual([piece for piece in wanted if piece not in text], [])


class Writing(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = pathlib.Path(holder.name)
        self.machine = machines.MACHINES / "comet-lake-ready.machine"

    def run_doctor(self, *words, **options):
        return subprocess.run([machines.CLEAVE, "doctor", "--from", str(self.machine), *words],
                              capture_output=True, text=True, timeout=60, check=False, **options)

    def test_the_report_still_comes_and_a_last_line_names_the_page(self):
        page = self.directory / "page.html"
        plain = self.run_doctor()
        both = self.run_doctor("--html", str(page), umask=0o022)
        self.assertEqual(both.returncode, plain.returncode)
        self.assertTrue(both.stdout.startswith(plain.stdout))
        self.assertEqual(len(both.stdout.splitlines()), len(plain.stdout.splitlines()) + 1)
        self.assertIn(str(page), both.stdout.splitlines()[-1])
        self.assertEqual(page.stat().st_mode & 0o777, 0o644)
        self.assertEqual(os.listdir(self.directory), ["page.html"])

    def test_json_is_the_same_with_a_page(self):
        page = self.directory / "page.html"
        self.assertEqual(self.run_doctor("--json", "--html", str(page)).stdout,
                         self.run_doctor("--json").stdout)
        self.assertTrue(page.is_file())

    def test_a_directory_is_refused(self):
        result = self.run_doctor("--html", str(self.directory))
        self.assertEqual(result.returncode, 3)
        self.assertIn(str(self.directory), result.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_without_room_the_old_page_stays_and_nothing_else(self):
        page = self.directory / "page.html"
        page.write_text("old", encoding="utf-8")
        # A limit on the size of files stands for a full disk; SIGXFSZ ignored gives EFBIG.
        result = subprocess.run(
            ["sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh", machines.CLEAVE, "doctor",
             "--from", str(self.machine), "--html", str(page)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(page.read_text(encoding="utf-8"), "old")
        self.assertEqual(os.listdir(self.directory), ["page.html"])

    def test_ctrl_c_leaves_a_whole_page_or_none(self):
        page = self.directory / "page.html"
        for milliseconds in range(0, 40, 2):
            running = subprocess.Popen(
                [machines.CLEAVE, "doctor", "--from", str(self.machine), "--html", str(page)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                running.wait(timeout=milliseconds / 1000)
            except subprocess.TimeoutExpired:
                running.terminate()
                running.wait(timeout=30)
            self.assertIn(os.listdir(self.directory), ([], ["page.html"]))
            if page.exists():
                self.assertTrue(page.read_text(encoding="utf-8").endswith("</html>\n"))
                page.unlink()


if __name__ == "__main__":
    unittest.main()
