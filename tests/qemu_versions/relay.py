#!/usr/bin/python3
"""Stands between cleave and a QEMU, and writes down what one asks and the other answers.

  relay.py DIRECTORY PROGRAM ARGUMENT…

cleave asks over a descriptor that QEMU is told of ("socket,id=monitor,fd=3"), or for a help text.
DIRECTORY gets asked-N.json and answered-N.json for each QEMU with a monitor (both sides as they went
by) and help-N.json for each text. Apart from record.py, for cleave starts it as another user.
"""
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import sys


def received(side):
    try:
        return side.recv(1 << 16)
    except ConnectionResetError:  # a QEMU that ended before it had read all
        return b""


def relay_monitor(directory, argv, number):
    """Passes bytes on both ways until QEMU hangs up."""
    cleave = socket.socket(fileno=os.dup(number))
    ours, theirs = socket.socketpair()
    os.dup2(theirs.fileno(), number)
    theirs.close()
    with subprocess.Popen(argv, pass_fds=[number]) as qemu:
        os.close(number)
        others = {cleave: ours, ours: cleave}
        session = len(list(directory.glob("asked-*.json")))
        logs = {cleave: (directory / f"asked-{session}.json").open("wb"),
                ours: (directory / f"answered-{session}.json").open("wb")}
        while True:
            for side in select.select([cleave, ours], [], [])[0]:
                content = received(side)
                if not content:
                    qemu.terminate()
                    return
                logs[side].write(content)
                logs[side].flush()
                others[side].sendall(content)


def relay_help(directory, argv):
    text = subprocess.run(argv, stdout=subprocess.PIPE, check=False).stdout.decode()
    arguments = [argument for argument in argv[1:] if argument != "-no-user-config"]
    number = len(list(directory.glob("help-*.json")))
    (directory / f"help-{number}.json").write_text(json.dumps({"arguments": arguments,
                                                               "text": text}))
    sys.stdout.write(text)


def main():
    directory, argv = pathlib.Path(sys.argv[1]), sys.argv[2:]
    descriptor = re.search(r"\bfd=(\d+)", " ".join(argv))
    if descriptor:
        relay_monitor(directory, argv, int(descriptor[1]))
    else:
        relay_help(directory, argv)


if __name__ == "__main__":
    main()
