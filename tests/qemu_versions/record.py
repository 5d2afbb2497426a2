#!/usr/bin/env python3
"""Records what real QEMU programs answer to cleave's questions, as data for the fast tests.

  tests/qemu_versions/record.py CLEAVE [VERSION…]     after tests/qemu_versions/fetch.py

cleave itself asks (`cleave vm check`), through relay.py. What no parser reads is left out; the rest
stays as QEMU said it, in tests/data/qemu/VERSION.json. Do it again when cleave asks for more, and
read the difference.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from releases import chosen, program_of

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "qemu"
SCHEMA = "cleave.recorded-qemu-replies/1"
# Of each item of an answer that is a list. “default-value” decides whether to give a property.
MEMBERS = {
    "device-list-properties": ["name", "default-value"],
    "query-machines": ["name", "alias"],
    "qom-list-types": ["name"],
    "query-command-line-options": ["option"],
}
SCHEMA_COMMANDS = ["query-spice", "query-display-options"]


def values_in(path):
    """The JSON texts of a stream, one after the other."""
    text, decoder, position = path.read_text(), json.JSONDecoder(), 0
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        yield value
        while position < len(text) and text[position].isspace():
            position += 1


def part_of_schema(entries):
    """The two commands that are looked for, and the types that lead to the kinds of displays."""
    by_name = {entry["name"]: entry for entry in entries}
    kept = [by_name[name] for name in SCHEMA_COMMANDS if name in by_name]
    for entry in kept:
        if entry["name"] != "query-display-options":
            continue
        options = by_name[entry["ret-type"]]
        members = [member for member in options["members"] if member["name"] == "type"]
        kept.append({"name": options["name"], "members": members})
        kept += [by_name[member["type"]] for member in members]
        break
    return kept


def trimmed(command, answer):
    if command == "query-qmp-schema":
        return part_of_schema(answer)
    if command in MEMBERS:
        return [{key: item[key] for key in MEMBERS[command] if key in item} for item in answer]
    return answer


def exchanges_in(asked, answered):
    questions = [one for one in values_in(asked)
                 if one["execute"] not in ("qmp_capabilities", "quit")]
    answers = [one for one in values_in(answered)
               if "return" in one or "error" in one][1:]  # the first is to qmp_capabilities
    for question, answer in zip(questions, answers):  # no answer: QEMU ended, another was asked
        exchange = {"execute": question["execute"]}
        if question.get("arguments"):
            exchange["arguments"] = question["arguments"]
        if "error" in answer:
            exchange["error"] = answer["error"]
        else:
            exchange["return"] = trimmed(question["execute"], answer["return"])
        yield exchange


def monitor_of(directory):
    for asked in sorted(directory.glob("asked-*.json")):
        yield from exchanges_in(asked, directory / asked.name.replace("asked", "answered"))


def help_of(path):
    """Of the long text only the lines that are looked for."""
    told = json.loads(path.read_text())
    if told["arguments"] == ["-help"]:
        lines = told["text"].splitlines(keepends=True)
        told["text"] = "".join(line for line in lines if line.startswith("-display "))
    return told


def lines_of(value, depth):
    """JSON with a line for each item down to `depth`, so that a difference can be read."""
    if depth == 0 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(lines_of(item, depth - 1) for item in value) + "\n]"
    members = (f"{json.dumps(key)}: {lines_of(item, depth - 1)}" for key, item in value.items())
    return "{" + ",\n".join(members) + "}"


def record(cleave, release):
    program = program_of(release)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o777)  # cleave as root lets another user ask
        log = directory / "log"
        log.mkdir()
        log.chmod(0o777)
        starter = directory / "qemu-system-x86_64"
        starter.write_text(f'#!/bin/sh\nexec /usr/bin/python3 "{HERE}/relay.py" "{log}" '
                           f'"{program}" "$@"\n')
        starter.chmod(0o755)
        definition = directory / "recorded.toml"
        definition.write_text(f'qemu = "{starter}"\n[display]\ntype = "none"\n')
        environment = os.environ | {"XDG_CACHE_HOME": f"{directory}/cache"}
        subprocess.run([cleave, "vm", "check", definition], env=environment, check=False,
                       stdout=subprocess.DEVNULL)
        helps = [help_of(path) for path in sorted(log.glob("help-*.json"))]
        monitor = list(monitor_of(log))
    if not monitor:
        raise SystemExit(f"QEMU {release.qemu} was not asked; start {program} by hand")
    version = monitor[0]["return"]["qemu"]
    if f"{version['major']}.{version['minor']}" != release.qemu:
        raise SystemExit(f"this is QEMU {version}, not {release.qemu}")
    replies = {"schema": SCHEMA, "monitor": monitor, "help": helps}
    DATA.mkdir(parents=True, exist_ok=True)
    path = DATA / f"{release.qemu}.json"
    path.write_text(lines_of(replies, 4) + "\n")
    print(f"{path.relative_to(HERE.parents[1])}: {len(monitor)} replies, {len(helps)} texts, "
          f"{path.stat().st_size >> 10} KiB")


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    cleave = pathlib.Path(sys.argv[1]).resolve()
    for release in chosen(sys.argv[2:]):
        record(cleave, release)


if __name__ == "__main__":
    main()
