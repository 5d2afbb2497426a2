"""The laptop's serial terminals, seen from outside: what came out, waiting for words in it, and commands over it."""
import base64
import collections
import os
import re
import socket
import threading
import time
import uuid

Done = collections.namedtuple("Done", "status stdout stderr")

# Takes the place of a login shell. Lengths, not markers, tell where output ends: any bytes may be in it. A command is a file,
# so that nothing of it is seen or changed by the terminal.
COMMAND_LOOP = r"""stty raw -echo; printf '%s-%s\n' ready {nonce}; exec bash -c '
d=/run/laptop-commands; mkdir -p $d; exec 3<&0 </dev/null
while read -r nonce script <&3; do
  printf %s "$script" | base64 -d >$d/script
  bash $d/script >$d/stdout 2>$d/stderr 3<&-
  printf "\n%s %d %d %d\n" $nonce $? $(stat -c %s $d/stdout) $(stat -c %s $d/stderr)
  cat $d/stdout $d/stderr
done'
"""


class Gone(Exception):
    """The laptop did not say in time what was waited for, or is switched off."""


class Terminal:
    """One end of a serial line. A thread reads always: a laptop never waits for a reader."""

    def __init__(self, path, log=os.devnull):
        self._log = open(log, "ab", buffering=0)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._text = bytearray()
        self._position = 0  # what lies before has been waited for
        self._open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._socket.close()
        self._log.close()

    def _read(self):
        while True:
            try:
                piece = self._socket.recv(65536)
            except OSError:
                piece = b""
            # QEMU's own logfile= has bytes twice when this end was busy for a moment.
            self._log.write(piece)
            with self._changed:
                self._text += piece
                self._open = bool(piece)
                self._changed.notify_all()
            if not piece:
                return

    def text(self):
        """All that ever came."""
        with self._changed:
            return self._text.decode(errors="replace")

    def forget(self):
        """What has come so far is not waited for any more."""
        with self._changed:
            self._position = len(self._text)

    def send(self, content):
        self._socket.sendall(content if isinstance(content, bytes) else content.encode())

    def _wait(self, find, limit, what):
        end = time.monotonic() + limit
        with self._changed:
            while True:
                found = find()
                if found is not None:
                    return found
                left = end - time.monotonic()
                if left <= 0 or not self._open:
                    tail = self._text[self._position:][-1500:].decode(errors="replace")
                    why = "was not seen in time" if self._open else "was not seen before the power went"
                    raise Gone(f"{what} {why}; the last words were:\n{tail}")
                self._changed.wait(left)

    def wait_for(self, pattern, limit):
        """Waits for a regular expression in what comes; the text up to its end."""
        expression = re.compile(pattern.encode())

        def find():
            match = expression.search(self._text, self._position)
            if match is None:
                return None
            before = bytes(self._text[self._position:match.end()])
            self._position = match.end()
            return before
        return self._wait(find, limit, repr(pattern)).decode(errors="replace")

    def take(self, length, limit):
        """The next `length` bytes."""
        def find():
            if len(self._text) < self._position + length:
                return None
            piece = bytes(self._text[self._position:self._position + length])
            self._position += length
            return piece
        return self._wait(find, limit, f"a piece of {length} bytes")


class Commands:
    """Commands over a terminal at which root is logged in."""

    def __init__(self, terminal):
        self._terminal = terminal

    def begin(self, limit):
        nonce = uuid.uuid4().hex
        self._terminal.send(COMMAND_LOOP.format(nonce=nonce))
        # The echo of our own words has the words, not what printf makes of them.
        self._terminal.wait_for(f"ready-{nonce}\n", limit)

    def send(self, script):
        """Runs a script and does not wait for it; the name that its answer will have."""
        nonce = uuid.uuid4().hex
        self._terminal.send(f"{nonce} {base64.b64encode(script.encode()).decode()}\n")
        return nonce

    def run(self, script, limit):
        nonce = self.send(script)
        header = self._terminal.wait_for(rf"\n{nonce} \d+ \d+ \d+\n", limit)
        status, out, err = (int(word) for word in header.split()[-3:])
        content = self._terminal.take(out + err, limit)
        return Done(status, content[:out], content[out:])
