"""A viewer that shows nothing: connects to a VNC server's socket and asks for one picture after the other (RFC 6143), until it
is killed. Prints "connected" once the first picture is there."""
import socket
import struct
import sys

RAW = 0
BYTES_PER_PIXEL = 4


def view(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        stream = server.makefile("rb")
        stream.read(12)
        server.sendall(b"RFB 003.008\n")
        stream.read(stream.read(1)[0])
        server.sendall(b"\x01")  # no password
        stream.read(4)
        server.sendall(b"\x01")  # others may look, too
        width, height = struct.unpack(">HH", stream.read(4))
        stream.read(16)
        (length,) = struct.unpack(">I", stream.read(4))
        stream.read(length)
        server.sendall(struct.pack(">BxHi", 2, 1, RAW))
        for number in range(1 << 30):
            server.sendall(struct.pack(">BBHHHH", 3, number > 0, 0, 0, width, height))
            read_update(stream)
            if number == 0:
                print("connected", flush=True)


def read_update(stream):
    while stream.read(1) != b"\x00":
        raise SystemExit("a message that is no picture")
    _, rectangles = struct.unpack(">BH", stream.read(3))
    for _ in range(rectangles):
        _, _, width, height, _ = struct.unpack(">HHHHi", stream.read(12))
        stream.read(width * height * BYTES_PER_PIXEL)


view(sys.argv[1])
