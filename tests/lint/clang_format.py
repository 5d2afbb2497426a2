"""Every C++ file of ours is as clang-format 19 would have it."""
import pathlib
import subprocess
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    files = sorted(
        str(path)
        for folder in ("src", "tests")
        for path in (root / folder).rglob("*")
        if path.suffix in {".h", ".cc"}
    )
    return subprocess.run(["clang-format-19", "--dry-run", "--Werror", *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
