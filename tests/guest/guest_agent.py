"""Asks a guest by its agent, as anybody on the machine may who can open the VM's socket."""
import base64
import json
import random
import socket
import time


class Silent(Exception):
    """The agent did not answer in time."""


def ask(path, command, limit=60, /, **arguments):
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(limit)
        channel.connect(str(path))
        number = random.randrange(1 << 30)
        words = [{"execute": "guest-sync-delimited", "arguments": {"id": number}}, {"execute": command}]
        if arguments:
            words[1]["arguments"] = arguments
        try:
            channel.sendall(b"\xff" + b"".join(json.dumps(word).encode() + b"\n" for word in words))
            lines = channel.makefile("rb")
            while True:
                line = lines.readline()
                if not line:
                    raise Silent(f"{command}: the channel is gone")
                answer = json.loads(line.rpartition(b"\xff")[2])
                if answer == {"return": number}:
                    break
            answer = json.loads(lines.readline())
        except TimeoutError:
            raise Silent(command) from None
    if "error" in answer:
        raise AssertionError(f"{command}: {answer['error']}")
    return answer["return"]


def wait_for_agent(path, limit=600):
    end = time.monotonic() + limit
    while True:
        try:
            return ask(path, "guest-ping", 5)
        except (Silent, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(2)


def run_in_guest(path, script, limit=300):
    """A shell's script as root in the guest: its exit status and all that it said."""
    command = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
    started = ask(path, "guest-exec", **command)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done = ask(path, "guest-exec-status", pid=started["pid"])
        if done["exited"]:
            said = b"".join(base64.b64decode(done.get(name, "")) for name in ("out-data", "err-data"))
            return done.get("exitcode", -1), said.decode(errors="replace")
        time.sleep(0.5)
    raise Silent(script)
