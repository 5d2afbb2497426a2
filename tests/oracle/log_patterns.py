#!/usr/bin/env python3
"""Compares the patterns of log messages with the format strings of the programs that print them.

  tests/oracle/log_patterns.py TREE…

Each TREE is an unpacked tree: a Linux kernel's (package linux-source-6.12 and the like) or QEMU's
(apt-get source qemu). A row of src/analysis/explain/log_messages/ is found when some string literal
of the trees can print its pattern. Rows that no tree given here has must stand, with where their
words were read, in log_patterns_elsewhere.tsv. Prints what is missing and ends with 1 then.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = ROOT / "src/analysis/explain/log_messages"
ELSEWHERE = pathlib.Path(__file__).with_name("log_patterns_elsewhere.tsv")

LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
# Literals side by side, also over the ends of lines of a macro, are one; so are the kernel's
# KERN_ERR "…" and inttypes' PRIx64 between two.
GLUE = re.compile(r"(?:\s|\\\n|PRI[a-zA-Z0-9]+|HWADDR_PRI[a-z]|VFIO_MSG_PREFIX|LOG_[A-Z]+)*")
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
SPECIFIER = re.compile(r"%(?:[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?([a-zA-Z%]))?([a-zA-Z]*)")
FIELD = re.compile(r"\{([a-z_]+)(\*?)\}")
VALUE, REST = "\x01", "\x02"  # in a pattern; in a format VALUE is what printf puts in


def unescape(text):
    return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], " "), text)


def literals(source):
    """Every string of a C file, neighbours joined."""
    position = 0
    joined = None
    end = 0
    while match := LITERAL.search(source, position):
        between = source[end:match.start()]
        if joined is not None and len(between) < 200 and GLUE.fullmatch(between):
            joined += ("%x" if "PRI" in between else "") + match[1]
        else:
            if joined:
                yield unescape(joined)
            joined = match[1]
        position = end = match.end()
    if joined:
        yield unescape(joined)


def as_format(text):
    """The literal with VALUE for each conversion; %p takes the kernel's letters behind it."""
    def value(match):
        if match[1] == "%":
            return "%" + match[2]
        if match[1] == "p":
            return VALUE
        return VALUE + match[2]
    return SPECIFIER.sub(value, text).strip("\n")


def as_pattern(text):
    return FIELD.sub(lambda match: REST if match[2] else VALUE, text)


def begins(text):
    """Where a message can begin in a line, as LogMatcher sees it."""
    yield 0
    for at in range(2, len(text)):
        before, earlier = text[at - 1], text[at - 2]
        if (before in ":]" and text[at] != " ") or (before == " " and earlier in ":]* "):
            yield at


def fixed(text):
    return len(text.replace(VALUE, "").replace(REST, ""))


def common(pattern, line):
    """How many fixed letters pattern and line share where the line can print an example of the
    pattern (its end may be missing); -1 where it cannot."""
    best = {(0, 0): 0}
    most = -1
    for i in range(len(pattern) + 1):
        for j in range(len(line) + 1):
            score = best.get((i, j))
            if score is None:
                continue
            if i == len(pattern) or pattern[i] == REST:
                most = max(most, score)
                continue
            if j == len(line):
                continue
            if line[j] == VALUE:  # prints something: some of the pattern's letters, or a field
                steps = [(i + 1, j, 0), (i, j + 1, 0)]
            elif pattern[i] == VALUE:
                steps = [] if line[j] == " " else [(i, j + 1, 0), (i + 1, j + 1, 0)]
            else:
                steps = [(i + 1, j + 1, 1)] if pattern[i] == line[j] else []
            for down, right, more in steps:
                if best.get((down, right), -1) < score + more:
                    best[down, right] = score + more
    return most


def says(pattern, line):
    """Whether the format string `line` prints the pattern: at least three quarters of the
    pattern's letters must stand in it, so that "%s: %s" says nothing."""
    for shorter in prefixless(pattern):
        for at in begins(line):
            if common(shorter, line[at:]) >= 0.75 * fixed(shorter):
                return True
    return False


def prefixless(pattern):
    """The pattern, and it without the name that pr_fmt() puts in front ("DMAR: ")."""
    yield pattern
    rest = pattern
    while match := re.match(r"[A-Za-z0-9_/\- ]+: ", rest):
        rest = rest[match.end():]
        if len(rest) >= 6:
            yield rest


def rows():
    for path in sorted(ROWS.glob("*.cc")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r'\.id = "([^"]+)",\s*\.pattern =\s*((?:"(?:[^"\\]|\\.)*"\s*)+),', text):
            pattern = unescape("".join(LITERAL.findall(match[2])))
            yield match[1], pattern


def words_of(text):
    return set(re.findall(r"[A-Za-z_]{3,}", text))


def read_trees(trees, wanted):
    """Where each row was found: identifier → (file, format string)."""
    found = {}
    # Most of a pattern's words stand in the format string; a few may be what %s puts in.
    needed = {identifier: words_of(as_pattern(pattern)) for identifier, pattern in wanted.items()}
    for path, tree in ((path, tree) for tree in trees for path in sorted(tree.rglob("*.[ch]"))):
        for line in set(literals(path.read_text(encoding="utf-8", errors="replace"))):
            words = words_of(line)
            if not words:
                continue
            for identifier in [name for name, some in needed.items() if 2 * len(some & words) >= len(some)]:
                if says(as_pattern(wanted[identifier]), as_format(line)):
                    found[identifier] = (path.relative_to(tree), as_format(line).replace(VALUE, "%"))
                    del needed[identifier]
    return found


def main():
    wanted = dict(rows())
    found = read_trees([pathlib.Path(name) for name in sys.argv[1:]], wanted)
    elsewhere = {}
    if ELSEWHERE.exists():
        for row in ELSEWHERE.read_text(encoding="utf-8").splitlines():
            if row and not row.startswith("#"):
                identifier, where = row.split("\t", 1)
                elsewhere[identifier] = where
    missing = [identifier for identifier in wanted if identifier not in found and identifier not in elsewhere]
    for identifier in elsewhere:
        if identifier not in wanted:
            print(f"{ELSEWHERE.name}: no row {identifier}")
    for identifier, (path, line) in sorted(found.items()):
        print(f"{identifier}\t{path}\t{line!r}")
    for identifier in missing:
        print(f"not found: {identifier}: {wanted[identifier]}")
    print(f"{len(wanted)} rows: {len(found)} found, {len(elsewhere)} read elsewhere, {len(missing)} missing")
    return 1 if missing or not found else 0


if __name__ == "__main__":
    sys.exit(main())
