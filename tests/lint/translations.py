"""Every sentence is translated: the N_() texts of src/ against po/ko.po.

Demands that each has a translation, that none is fuzzy or left over, and that both sides have the
same {fields}."""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

FIELD = re.compile(r"\{[a-z_]+\}")


def parse_po(text):
    """msgid → (msgstr, fuzzy). Enough of the format for catalogues without plural forms."""
    entries = {}
    for block in re.split(r"\n\s*\n", text):
        parts = collections.defaultdict(str)
        key = None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            match = re.match(r'(msgid|msgstr)\s+(".*")', line)
            if match:
                key, line = match.group(1), match.group(2)
            if key and line.startswith('"'):
                parts[key] += line.strip()[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        if parts["msgid"]:
            entries[parts["msgid"]] = (parts["msgstr"], "#, fuzzy" in block)
    return entries


def extract(root):
    sources = sorted(str(p.relative_to(root)) for p in (root / "src").rglob("*") if p.suffix in {".h", ".cc"})
    with tempfile.NamedTemporaryFile(suffix=".pot") as pot:
        subprocess.run(["xgettext", "--language=C++", "--keyword=N_", "--from-code=UTF-8",
                        "--output", pot.name, "--add-location=file", *sources], cwd=root, check=True)
        return parse_po(pathlib.Path(pot.name).read_text(encoding="utf-8"))


def problems_of(wanted, translated):
    for msgid in wanted:
        msgstr, fuzzy = translated.get(msgid, ("", False))
        if not msgstr or fuzzy:
            yield f"not translated: {msgid!r}"
        elif sorted(FIELD.findall(msgid)) != sorted(FIELD.findall(msgstr)):
            yield f"fields differ: {msgid!r} → {msgstr!r}"
    for msgid in translated:
        if msgid not in wanted:
            yield f"no longer used: {msgid!r}"


def main():
    root = pathlib.Path(sys.argv[1])
    wanted = extract(root)
    failed = not wanted
    for catalogue in sorted((root / "po").glob("*.po")):
        problems = list(problems_of(wanted, parse_po(catalogue.read_text(encoding="utf-8"))))
        failed = failed or bool(problems)
        print("\n".join(f"{catalogue.name}: {problem}" for problem in problems)
              or f"{catalogue.name}: {len(wanted)} sentences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
