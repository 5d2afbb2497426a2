"""Reads the pictures that cleave writes: PNG, 8-bit RGB, not interlaced (PNG specification)."""
import pathlib
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BYTES_PER_PIXEL = 3


def chunks(data):
    position = len(SIGNATURE)
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        yield kind, data[position + 8:position + 8 + length]
        position += length + 12


def paeth(left, above, corner):
    estimate = left + above - corner
    distances = (abs(estimate - left), abs(estimate - above), abs(estimate - corner))
    return (left, above, corner)[distances.index(min(distances))]


def unfiltered(kind, row, above):
    """One row without its filter (specification, section 9)."""
    if kind == 0:
        return row
    if kind == 2:
        return bytearray((value + up) & 0xFF for value, up in zip(row, above))
    for i, value in enumerate(row):
        left = row[i - BYTES_PER_PIXEL] if i >= BYTES_PER_PIXEL else 0
        corner = above[i - BYTES_PER_PIXEL] if i >= BYTES_PER_PIXEL else 0
        guess = {1: left, 3: (left + above[i]) // 2}.get(kind)
        row[i] = (value + (paeth(left, above[i], corner) if guess is None else guess)) & 0xFF
    return row


def read_png(path):
    """Width, height, and a list of rows of bytes (red, green, blue)."""
    data = pathlib.Path(path).read_bytes()
    assert data.startswith(SIGNATURE), data[:16]
    parts = list(chunks(data))
    width, height, depth, colour = struct.unpack(">IIBB", parts[0][1][:10])
    assert (depth, colour) == (8, 2), (depth, colour)
    pixels = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
    stride = width * BYTES_PER_PIXEL
    rows, above = [], bytearray(stride)
    for start in range(0, len(pixels), stride + 1):
        above = unfiltered(pixels[start], bytearray(pixels[start + 1:start + 1 + stride]), above)
        rows.append(above)
    assert len(rows) == height
    return width, height, rows
