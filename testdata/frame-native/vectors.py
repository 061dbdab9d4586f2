#!/usr/bin/env python3
"""Writes the golden frames of format version 1 (shared/frame/native/FORMAT.md).
It shares nothing with the Go code: multiplication is the schoolbook one, bit by
bit, and the compressor is zlib.

    python3 vectors.py              writes *.frames and *.object here
    python3 vectors.py --annotate   prints the annotated frames for FORMAT.md
"""
import hashlib
import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1


def splitmix(seed, count):
    out, state = b"", seed
    while len(out) < count:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out += struct.pack(">Q", z ^ (z >> 31))
    return out[:count]


def stream(purpose, ident, number, count):
    digest = hashlib.sha256(purpose + ident + struct.pack(">I", number)).digest()
    return splitmix(int.from_bytes(digest[:8], "big"), count)


def times(a, b):
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(15, 7, -1):
        if product >> bit & 1:
            product ^= 0x11D << (bit - 8)
    return product


TIMES = [[times(a, b) for b in range(256)] for a in range(256)]


class Object:
    """One object cut into symbols of a given size."""

    def __init__(self, data, size, deflated=False):
        self.data, self.size = data, size
        carried = data
        if deflated:
            c = zlib.compressobj(9, zlib.DEFLATED, -15)
            carried = struct.pack(">I", len(data)) + c.compress(data) + c.flush()
        self.carried = carried
        self.word = struct.pack(">I", 1 << 28 | (1 << 27 if deflated else 0) | len(carried))
        self.k = -(-len(carried) // size)
        self.blocks = -(-self.k // 4000)
        self.id = hashlib.sha256(b"coldsign frame v1" + self.word + struct.pack(">H", size) + carried).digest()[:10]
        padded = carried + bytes(self.k * size - len(carried))
        self.source = [padded[i * size:(i + 1) * size] for i in range(self.k)]

    def coefficients(self, number):
        members = list(range((number - self.k) % self.blocks, self.k, self.blocks))
        return members, [c or 1 for c in stream(b"c", self.id, number, len(members))]

    def symbol(self, number):
        if number < self.k:
            return self.source[number]
        total = bytearray(self.size)
        for member, c in zip(*self.coefficients(number)):
            row = TIMES[c]
            for i, v in enumerate(self.source[member]):
                total[i] ^= row[v]
        return bytes(total)

    def frame(self, number):
        noise = stream(b"w", self.id, number, self.size)
        payload = bytes(a ^ b for a, b in zip(self.symbol(number), noise))
        body = b"\xc5\x1d" + self.word + self.id + struct.pack(">I", number) + payload
        return body + struct.pack(">I", zlib.crc32(body))


def noise(label, count):
    return splitmix(int.from_bytes(hashlib.sha256(label).digest()[:8], "big"), count)


TEXT = b"coldsign carries one object in many frames. " * 30
CASES = {
    # one symbol that is shorter than the least size, and its coded forms
    "one": (Object(b"\x2a", 8), [0, 1, 2, 0xFFFFFFFF]),
    # three symbols, the last one padded; source and coded ones
    "three": (Object(b"coldsign frame vector", 8), [0, 1, 2, 3, 4, 5]),
    # deflated: what is carried is what zlib made of it
    "deflated": (Object(TEXT, 16, deflated=True), list(range(12))),
    # as dense as a code gets
    "dense": (Object(noise(b"dense", 5 * 2929 - 4), 2929), [0, 4, 5, 6, 7, 8, 4000000000]),
    # three blocks: the first and last of the sources and coded ones of each
    "blocks": (Object(noise(b"blocks", 8003 * 8 - 3), 8), [0, 1, 2, 8002, 8003, 8004, 8005, 8006]),
}


def annotate(name):
    o, numbers = CASES[name]
    print(f"carried: {o.carried.hex()}\nid: {o.id.hex()}")
    for n in numbers:
        f = o.frame(n)
        parts = [(f[:2], "magic"), (f[2:6], f"version {f[2] >> 4}, deflated {f[2] >> 3 & 1}, {len(o.carried)} bytes carried"),
                 (f[6:16], "id"), (f[16:20], f"symbol {n}" + ("" if n < o.k else ", coded"))]
        print()
        for b, what in parts:
            print(f"{b.hex():<24}-- {what}")
        print(f"{f[20:-4].hex():<24}-- payload: {o.symbol(n).hex()} whitened")
        if n >= o.k:
            print(f"{'':<24}--   coefficients {bytes(o.coefficients(n)[1]).hex()}")
        print(f"{'':<24}--   whitened with {stream(b'w', o.id, n, o.size).hex()}")
        print(f"{f[-4:].hex():<24}-- CRC-32")


if sys.argv[1:] == ["--annotate"]:
    annotate("three")
else:
    for case, (o, numbers) in CASES.items():
        (HERE / f"{case}.object").write_bytes(o.data)
        lines = "".join(o.frame(n).hex() + "\n" for n in numbers)
        (HERE / f"{case}.frames").write_text(lines)
