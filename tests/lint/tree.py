"""What no reader wants to find in the tree: oversized files, generated files, promises of work."""
import pathlib
import re
import subprocess
import sys

LARGEST_FILE = 512 * 1024  # bytes
LONGEST_SOURCE = 600       # lines; a longer one holds a second idea
PROMISE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
TYPE = re.compile(r"^(?:struct|class) (\w+)(?: final)?(?: :| \{)")
BANNED_CALL = re.compile(r"\b(system|popen|strtol|strtoul|atoi|atol|sprintf|strcpy)\s*\(")


def problems_of(root, name):
    path = root / name
    if not path.is_file():
        return
    if path.stat().st_size > LARGEST_FILE:
        yield f"{name}: larger than {LARGEST_FILE} bytes"
    if path.suffix not in {".cc", ".h", ".c", ".py", ".sh"} or name == "tests/lint/tree.py":
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if name.startswith("src/") and len(lines) > LONGEST_SOURCE:
        yield f"{name}: {len(lines)} lines"
    for number, line in enumerate(lines, 1):
        if PROMISE.search(line):
            yield f"{name}:{number}: a promise instead of work: {line.strip()}"
        if name.startswith("src/") and BANNED_CALL.search(line.split("//")[0]):
            yield f"{name}:{number}: banned call: {line.strip()}"


def same_types(root, names):
    """Two types of one name in one namespace: the linker takes either's functions for both."""
    homes = {}
    for name in names:
        if not re.fullmatch(r"src/.*\.h", name) or not (root / name).is_file():
            continue
        for line in (root / name).read_text(encoding="utf-8").splitlines():
            match = TYPE.match(line)
            if match and homes.setdefault(match.group(1), name) != name:
                yield f"{name}: {match.group(1)} is defined in {homes[match.group(1)]}, too"


def main():
    root = pathlib.Path(sys.argv[1])
    names = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True,
                           check=True).stdout.split()
    problems = [problem for name in names for problem in problems_of(root, name)]
    problems += same_types(root, names)
    print("\n".join(problems) if problems else f"{len(names)} files")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    sys.exit(main())
