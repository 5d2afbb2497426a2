"""A disk with a write cache that a power cut empties, served to QEMU over NBD.

Killing QEMU never loses what the guest wrote: the machine that QEMU runs on keeps it. So the disk is here: what the guest
wrote and did not flush is kept apart, and a power cut decides about each block of it. Protocol: the NBD project's
doc/proto.md, newstyle with NBD_OPT_GO, simple replies.
"""
import enum
import os
import pickle
import random
import socket
import struct
import threading
import time

BLOCK = 4096  # what drives of today write in one piece
# A drive writes out its cache by itself when it has a moment; what GRUB or the firmware wrote is never flushed and is on the
# platter all the same when somebody holds the power button. No standard names a time; drives need milliseconds.
WRITTEN_OUT_AFTER = 2.0  # seconds

NBD_MAGIC = 0x4e42444d41474943
OPTION_MAGIC = 0x49484156454f5054
OPTION_REPLY_MAGIC = 0x3e889045565a9
REQUEST_MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
OPTION_ABORT, OPTION_GO = 2, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 2**31 + 1
INFO_EXPORT = 0
FIXED_NEWSTYLE_NO_ZEROES = 3
HAS_FLAGS_FLUSH_FUA = 0b1101
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
COMMAND_FUA = 1
INVALID = 22  # EINVAL, as the protocol wants it


class Unflushed(enum.Enum):
    """What a power cut does to blocks that were written and not flushed."""
    KEPT = "kept"      # as if the drive had written out everything
    LOST = "lost"      # as if it had written out nothing
    MIXED = "mixed"    # each block on its own: old, new, or a state between


class VolatileDisk:
    """The disk's content: a read-only base, what is safe above it, and what is only in the cache."""

    def __init__(self, base):
        self._base = os.open(base, os.O_RDONLY)
        self.size = os.fstat(self._base).st_size
        self._safe = {}     # number of a block -> bytes
        self._cached = {}   # number of a block -> [(time, bytes), …], oldest first
        self._lock = threading.Lock()
        self.writes = 0
        self.flushes = 0
        self._stop_at_write = None
        self.stopped = threading.Event()

    def close(self):
        os.close(self._base)

    def save(self, path):
        """Writes everything above the base to a file, the cache's state included."""
        with self._lock, open(path, "wb") as file:
            cached = {number: [(0.0, content) for _, content in versions]
                      for number, versions in self._cached.items()}
            pickle.dump((self._safe, cached), file)

    def load(self, path):
        with self._lock, open(path, "rb") as file:
            self._safe, self._cached = pickle.load(file)

    def write_onto(self, path):
        """Writes what is above the base onto a copy of the base."""
        self.flush()
        with self._lock, open(path, "r+b") as file:
            for number, content in self._safe.items():
                file.seek(number * BLOCK)
                file.write(content)

    def stop_at_write(self, count):
        """From the count-th write on, counted from now, the disk does not answer any more: `stopped` is set."""
        with self._lock:
            self._stop_at_write = self.writes + count

    def cut_power(self, unflushed, seed=0):
        """What is left after a power cut becomes the disk's content."""
        chance = random.Random(seed)
        written_out = time.monotonic() - WRITTEN_OUT_AFTER
        with self._lock:
            for number, versions in sorted(self._cached.items()):
                kept = sum(when <= written_out for when, _ in versions)
                if unflushed is Unflushed.KEPT:
                    kept = len(versions)
                elif unflushed is Unflushed.MIXED:
                    kept = chance.randint(kept, len(versions))
                if kept:
                    self._safe[number] = versions[kept - 1][1]
            self._cached.clear()
            self._stop_at_write = None
            self.stopped.clear()

    def _block(self, number):
        if number in self._cached:
            return self._cached[number][-1][1]
        if number in self._safe:
            return self._safe[number]
        return os.pread(self._base, BLOCK, number * BLOCK).ljust(BLOCK, b"\0")

    def read(self, offset, length):
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        numbers = range(first, last + 1)
        with self._lock:
            if not any(number in self._cached or number in self._safe for number in numbers):
                return os.pread(self._base, length, offset)
            content = b"".join(self._block(number) for number in numbers)
        start = offset - first * BLOCK
        return content[start:start + length]

    def write(self, offset, content, through=False):
        """False if the disk has stopped before this write."""
        with self._lock:
            self.writes += 1
            if self._stop_at_write is not None and self.writes >= self._stop_at_write:
                self.stopped.set()
                return False
            position = 0
            while position < len(content):
                number, start = divmod(offset + position, BLOCK)
                piece = content[position:position + BLOCK - start]
                if len(piece) < BLOCK:
                    old = self._block(number)
                    piece_in_block = old[:start] + piece + old[start + len(piece):]
                else:
                    piece_in_block = bytes(piece)
                self._store(number, piece_in_block, through)
                position += len(piece)
        return True

    def _store(self, number, content, through):
        if through:
            self._cached.pop(number, None)
            self._safe[number] = content
        else:
            self._cached.setdefault(number, []).append((time.monotonic(), content))

    def flush(self):
        with self._lock:
            if self.stopped.is_set():
                return False
            self.flushes += 1
            for number, versions in self._cached.items():
                self._safe[number] = versions[-1][1]
            self._cached.clear()
        return True


class DiskServer:
    """Serves a VolatileDisk on a Unix socket, one client after the other, in a thread of its own."""

    def __init__(self, disk, path):
        self._disk = disk
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._client = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        # shutdown() wakes a thread that waits in accept() or recv(); close() alone does not.
        for end in (self._listener, self._client):
            if end is not None:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                self._client, _ = self._listener.accept()
            except OSError:
                return
            with self._client:
                try:
                    if self._negotiate():
                        while self._answer_one():
                            pass
                except (ConnectionError, OSError):
                    pass  # QEMU ended; the next one may come

    def _receive(self, length):
        content = bytearray(length)
        view = memoryview(content)
        while view:
            count = self._client.recv_into(view)
            if not count:
                raise ConnectionResetError
            view = view[count:]
        return content

    def _reply_to_option(self, option, kind, content=b""):
        self._client.sendall(struct.pack(">QIII", OPTION_REPLY_MAGIC, option, kind, len(content)) + content)

    def _negotiate(self):
        self._client.sendall(struct.pack(">QQH", NBD_MAGIC, OPTION_MAGIC, FIXED_NEWSTYLE_NO_ZEROES))
        self._receive(4)
        while True:
            _, option, length = struct.unpack(">QII", self._receive(16))
            self._receive(length)
            if option == OPTION_GO:
                self._reply_to_option(option, REPLY_INFO,
                                      struct.pack(">HQH", INFO_EXPORT, self._disk.size, HAS_FLAGS_FLUSH_FUA))
                self._reply_to_option(option, REPLY_ACK)
                return True
            if option == OPTION_ABORT:
                self._reply_to_option(option, REPLY_ACK)
                return False
            self._reply_to_option(option, REPLY_UNSUPPORTED)

    def _answer_one(self):
        magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self._receive(28))
        if magic != REQUEST_MAGIC or kind == DISCONNECT:
            return False
        error, content = 0, b""
        if kind == READ:
            content = self._disk.read(offset, length)
        elif kind == WRITE:
            if not self._disk.write(offset, self._receive(length), through=bool(flags & COMMAND_FUA)):
                return True  # stopped: no answer, ever
        elif kind == FLUSH:
            if not self._disk.flush():
                return True
        else:
            error = INVALID
        self._client.sendall(struct.pack(">IIQ", REPLY_MAGIC, error, handle) + content)
        return True
