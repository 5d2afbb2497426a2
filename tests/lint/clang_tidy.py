"""clang-tidy 19 over src/. A file is checked again only if it, a header of ours or the
configuration changed since it was last found clean."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys


def digest(*parts):
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.hexdigest()


def included_headers(path, root, seen):
    """The content of `path` and of all headers of ours that it reaches."""
    if path in seen or not path.is_file():
        return
    content = path.read_bytes()
    seen[path] = content
    for line in content.splitlines():
        if line.startswith(b'#include "'):
            included_headers(root / "src" / line.split(b'"')[1].decode(), root, seen)


def fingerprint(source, root):
    seen = {}
    included_headers(source, root, seen)
    configuration = (root / ".clang-tidy").read_bytes()
    return digest(configuration, *(seen[path] for path in sorted(seen)))


def check(source, root, build, stamps):
    stamp = stamps / digest(source.relative_to(root).as_posix().encode())
    wanted = fingerprint(source, root)
    if stamp.is_file() and stamp.read_text() == wanted:
        return ""
    result = subprocess.run(
        ["clang-tidy-19", "--quiet", "-p", str(build), "--extra-arg=-Wno-unknown-warning-option",
         str(source)],
        capture_output=True, text=True, check=False)
    if result.returncode == 0:
        stamp.write_text(wanted)
        return ""
    return result.stdout + "\n".join(
        line for line in result.stderr.splitlines() if "warnings generated" not in line)


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    # The stamps are shared by all clones of one machine: what they stand for is content.
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    stamps = cache / "cleave" / "clang-tidy"
    stamps.mkdir(parents=True, exist_ok=True)
    sources = sorted((root / "src").rglob("*.cc"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda source: check(source, root, build, stamps), sources))
    problems = [report for report in reports if report]
    print("\n".join(problems) if problems else f"{len(sources)} files are clean")
    return 1 if problems or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
