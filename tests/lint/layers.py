"""Who may use whom: checks every #include of src/ against the table of the architecture."""
import pathlib
import re
import sys

# Folder → the folders whose headers it may include, itself aside. `facts` means the plain types,
# `readers` the code that fills them in.
MAY_INCLUDE = {
    "base": set(),
    "host": {"base"},
    "facts": {"base"},
    "readers": {"base", "host", "facts"},
    "analysis": {"base", "facts"},
    "plan": {"base"},
    "boot": {"base", "facts", "plan"},
    "ways": {"base", "facts", "analysis", "plan"},
    "apply": {"base", "host", "plan", "boot"},
    "qemu_build": {"base", "facts"},
    "vm": {"base"},
    "install": {"base"},
    "exports": {"base", "facts", "vm"},
    "imports": {"base", "facts", "vm", "exports"},
    "run": {"base", "host", "vm"},
    "lab": {"base", "host", "run"},
    "app": {"base", "host", "facts", "readers", "analysis", "ways", "plan", "boot", "apply", "vm",
            "run", "lab", "qemu_build", "exports", "imports", "install"},
    "cli": {"base", "host", "facts", "readers", "analysis", "ways", "plan", "apply", "vm", "run",
            "lab", "app", "qemu_build", "exports", "imports", "install"},
}
PURE = {"facts", "analysis", "ways", "plan", "boot", "vm", "qemu_build", "exports", "imports", "install"}
# What a pure folder may not touch: files, clock, environment, processes, streams.
IMPURE_HEADERS = {
    "chrono", "cstdio", "cstdlib", "ctime", "filesystem", "fstream", "iostream", "mutex", "random",
    "thread", "fcntl.h", "unistd.h", "spawn.h", "signal.h", "poll.h", "time.h", "stdio.h", "stdlib.h",
}
# Third-party header → the one file that may include it (base/format.h hands fmt on).
THIRD_PARTY = {
    "fmt/": {"src/base/format.h", "src/base/format.cc"},
    "nlohmann/": {"src/base/json.cc"},
    "CLI/": {"src/cli/parse.cc"},
    "toml++/": {"src/vm/toml.cc"},
    "png.h": {"src/run/picture.cc"},
    "systemd/": {"src/host/inhibitor.cc", "src/host/journal.cc"},
    "pugixml.hpp": {"src/facts/libvirt_domain.cc", "src/imports/xml_tree.cc"},
}


def folder_of(path):
    parts = pathlib.PurePosixPath(path).parts
    if parts[:2] == ("facts", "readers"):
        return "readers"
    if parts[:2] == ("plan", "boot"):
        return "boot"
    return parts[0]


def problems_of(source, root):
    relative = source.relative_to(root / "src").as_posix()
    folder = folder_of(relative)
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        quoted, header = match.group(1) == '"', match.group(2)
        where = f"src/{relative}:{number}"
        if quoted:
            target = folder_of(header)
            if target not in MAY_INCLUDE:
                yield f'{where}: "{header}" is not below src/'
            elif target != folder and target not in MAY_INCLUDE[folder]:
                yield f"{where}: {folder} may not use {target} ({header})"
        elif folder in PURE and (header in IMPURE_HEADERS or header.startswith("sys/")):
            yield f"{where}: {folder} is pure and may not include <{header}>"
        for prefix, owners in THIRD_PARTY.items():
            if header.startswith(prefix) and f"src/{relative}" not in owners:
                yield f"{where}: <{header}> belongs into {', '.join(sorted(owners))} alone"


def main():
    root = pathlib.Path(sys.argv[1])
    sources = sorted(p for p in (root / "src").rglob("*") if p.suffix in {".h", ".cc"})
    problems = [problem for source in sources for problem in problems_of(source, root)]
    print("\n".join(problems) if problems else f"{len(sources)} files respect the layers")
    return 1 if problems or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
