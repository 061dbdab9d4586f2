#!/usr/bin/env python3
"""Writes the golden bundles. It shares nothing with the Go code: its CBOR is
spelled out below, its signatures come from python3-cryptography, and what it
wrote is checked with python3-cbor2.

    python3 vectors.py              writes *.cbor and pairing-words.hex here
    python3 vectors.py --annotate   prints the annotated bytes for FORMAT.md
"""
import hashlib
import pathlib
import sys

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

H = bytes.fromhex
HERE = pathlib.Path(__file__).parent


def head(major, n):
    for code, limit, size in ((None, 24, 0), (24, 1 << 8, 1), (25, 1 << 16, 2), (26, 1 << 32, 4)):
        if n < limit:
            first = n if code is None else code
            return bytes([major << 5 | first]) + (n.to_bytes(size, "big") if size else b"")
    raise ValueError(n)


# A part is a list of (depth, bytes, comment).
def line(b, comment):
    return [(0, b, comment)]


def deeper(part):
    return [(d + 1, b, c) for d, b, c in part]


def uint(n, what=""):
    return line(head(0, n), f"{what} {n}".strip())


def nint(n, what):
    return line(head(1, -1 - n), f"{what} {n}")


def bstr(b, what):
    part = line(head(2, len(b)), f"{what}: {len(b)} bytes")
    return part + deeper([(0, b[i:i + 16], "") for i in range(0, len(b), 16)])


def text(s, what):
    b = s.encode()
    return line(head(3, len(b)), f"{what}: text of {len(b)} bytes") + deeper(
        [(0, b[i:i + 16], '"' + b[i:i + 16].decode() + '"') for i in range(0, len(b), 16)])


def array(parts, what):
    return line(head(4, len(parts)), f"{what}: array of {len(parts)}") + deeper(sum(parts, []))


def mapping(pairs, what):
    part = line(head(5, len(pairs)), f"{what}: map of {len(pairs)}")
    for key, value in pairs:
        part += deeper(uint(key, "key") + deeper(value))
    return part


def boolean(v, what):
    return line(b"\xf5" if v else b"\xf4", f"{what}: {str(v).lower()}")


def wrap(part, what):  # a byte string that holds CBOR
    return line(head(2, len(flat(part))), f"{what}: byte string of {len(flat(part))}") + deeper(part)


def flat(part):
    return b"".join(b for _, b, _ in part)


def sha(b):
    return hashlib.sha256(b).digest()


class Device:
    def __init__(self, seed):  # RFC 8032 section 7.1
        self.key = Ed25519PrivateKey.from_private_bytes(H(seed))
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = sha(self.public)[:16]


ONLINE = Device("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # TEST 1
OFFLINE = Device("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")  # TEST 2
ZERO16, ZERO32 = bytes(16), bytes(32)


def bundle(kind, sender, recipient, sequence, previous, created, expires, items, answers=None, head_of_journal=None, rehearsal=False):
    pairs = [
        (1, uint(1, "version")),
        (2, uint(kind, "kind")),
        (3, bstr(sender.id, "sender")),
        (4, bstr(recipient, "recipient")),
        (5, uint(sequence, "sequence")),
        (6, bstr(previous, "previous")),
        (7, uint(created, "created")),
        (8, uint(expires, "expires")),
        (9, array([wrap(i, "item") for i in items], "items")),
    ]
    if answers:
        pairs.append((10, bstr(answers, "answers")))
    if head_of_journal:
        number, entry = head_of_journal
        pairs.append((11, array([uint(number, "entry"), bstr(entry, "SHA-256 of its body")], "head")))
    if rehearsal:
        pairs.append((12, uint(1, "rehearsal")))
    payload = mapping(pairs, "payload")
    protected = mapping([
        (1, nint(-8, "alg EdDSA")),
        (3, text("application/coldsign-bundle", "content type")),
        (4, bstr(sender.id, "kid")),
    ], "protected header")
    signed = flat(array([
        text("Signature1", "context"),
        wrap(protected, "protected"),
        bstr(b"coldsign bundle v1", "external_aad"),
        wrap(payload, "payload"),
    ], "Sig_structure"))
    return line(b"\xd2", "tag 18: COSE_Sign1") + deeper(
        line(b"\x84", "array of 4")
        + deeper(wrap(protected, "protected")
                 + line(b"\xa0", "unprotected header: empty")
                 + wrap(payload, "payload")
                 + bstr(sender.key.sign(signed), "signature")))


def device(d, half):
    return mapping([(1, bstr(d.public, "Ed25519 public key")), (2, text(half, "half"))], "device")


def path(steps):
    return array([uint(s, "step") for s in steps], "path")


HARD = 1 << 31
WALLET = H("6ba7b8109dad41d180b400c04fd430c8")
SOLANA = H("550e8400e29b41d4a716446655440000")
G = H("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")  # SEC 2, generator
ED = [H("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),  # RFC 8032 TEST 3
      H("278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e")]  # RFC 8032 TEST 1024
ETH = [44 + HARD, 60 + HARD, HARD, 0]

PAIRING = bundle(1, ONLINE, ZERO16, 0, ZERO32, 1767225600, 0, [device(ONLINE, "online")])
PAIRING2 = bundle(1, OFFLINE, ZERO16, 0, ZERO32, 1767225660, 0, [device(OFFLINE, "offline")])

KEYS = bundle(2, OFFLINE, ONLINE.id, 1, ZERO32, 1767225700, 0, [
    mapping([
        (1, bstr(WALLET, "signature id")),
        (2, text("ETH", "chain")),
        (3, boolean(False, "testnet")),
        (4, uint(1, "curve secp256k1")),
        (5, bstr(G, "key")),
        (6, bstr(bytes([0x11]) * 32, "chain code")),
        (7, bstr(H("3442193e"), "fingerprint")),
        (8, path(ETH)),
    ], "wallet"),
    mapping([
        (1, bstr(SOLANA, "signature id")),
        (2, text("SOL", "chain")),
        (3, boolean(True, "testnet")),
        (4, uint(2, "curve Ed25519")),
        (9, array([bstr(k, "key") for k in ED], "keys")),
    ], "wallet"),
])

# EIP-1559: chain 1, nonce 0, 1 and 20 gwei, gas 21000, to 0x3535..., 1 ETH
PAYLOAD = H("02f0 01 80 843b9aca00 8504a817c800 825208 94" + "35" * 20 + "880de0b6b3a7640000 80 c0")
REQUEST = mapping([
    (1, bstr(H("65f0c0ffee0123456789abcd"), "id")),
    (2, text("eip155:1", "network")),
    (3, array([
        array([bstr(WALLET, "signature id"), path(ETH + [7]), uint(1, "curve secp256k1"), bstr(G, "key"),
               boolean(True, "sign")], "key"),
    ], "keys")),
    (4, bstr(PAYLOAD, "unsigned transaction")),
    (6, uint(1767312000, "deadline")),
    (7, text("payout é 42", "note")),
], "request")
REQUEST2 = mapping([
    (1, bstr(H("65f0c0ffee0123456789abce"), "id")),
    (2, text("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "network")),
    (3, array([
        array([bstr(SOLANA, "signature id"), path([]), uint(2, "curve Ed25519"), bstr(ED[0], "key"),
               boolean(True, "sign")], "key"),
        array([bstr(SOLANA, "signature id"), path([]), uint(2, "curve Ed25519"), bstr(ED[1], "key"),
               boolean(False, "sign")], "key"),
    ], "keys")),
    (4, bstr(H("0100"), "unsigned transaction")),
    (5, bstr(H("a0"), "evidence")),
], "request")
REQUESTS = bundle(3, ONLINE, OFFLINE.id, 1, ZERO32, 1767225800, 1767312200, [REQUEST, REQUEST2])

RECEIPTS = bundle(4, OFFLINE, ONLINE.id, 2, sha(flat(KEYS)), 1767225900, 0, [
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abcd"), "id")),
        (2, bstr(sha(flat(REQUEST)), "digest of the request")),
        (3, uint(1, "status signed")),
        (4, array([bstr(bytes([0x5a]) * 64 + b"\x01", "signature")], "signatures")),
    ], "receipt"),
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abce"), "id")),
        (2, bstr(sha(flat(REQUEST2)), "digest of the request")),
        (3, uint(2, "status refused")),
        (5, text("policy.limit", "code")),
        (6, text("above the daily limit", "reason")),
    ], "receipt"),
], answers=sha(flat(REQUESTS)))

# The next of each direction, with a head of the journal: entry 9, then the same told back.
HEAD = (9, sha(b"entry 9"))
RECEIPTS_HEAD = bundle(4, OFFLINE, ONLINE.id, 3, sha(flat(RECEIPTS)), 1767226000, 0, [
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abce"), "id")),
        (2, bstr(sha(flat(REQUEST2)), "digest of the request")),
        (3, uint(3, "status deferred")),
        (5, text("operator.later", "code")),
    ], "receipt"),
], answers=sha(flat(REQUESTS)), head_of_journal=HEAD)
REQUESTS_HEAD = bundle(3, ONLINE, OFFLINE.id, 2, sha(flat(REQUESTS)), 1767226100, 0, [REQUEST2], head_of_journal=HEAD)

# The next, with the name of who asked.
REQUEST_BY = mapping([
    (1, bstr(H("65f0c0ffee0123456789abcf"), "id")),
    (2, text("eip155:1", "network")),
    (3, array([
        array([bstr(WALLET, "signature id"), path(ETH + [7]), uint(1, "curve secp256k1"), bstr(G, "key"),
               boolean(True, "sign")], "key"),
    ], "keys")),
    (4, bstr(PAYLOAD, "unsigned transaction")),
    (8, text("payroll", "requester")),
], "request")
REQUESTS_BY = bundle(3, ONLINE, OFFLINE.id, 3, sha(flat(REQUESTS_HEAD)), 1767226200, 0, [REQUEST_BY])

# Receipts that name what decided, one of them made while the clock was behind.
RECEIPTS_POLICY = bundle(4, OFFLINE, ONLINE.id, 4, sha(flat(RECEIPTS_HEAD)), 1767226300, 0, [
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abcf"), "id")),
        (2, bstr(sha(flat(REQUEST_BY)), "digest of the request")),
        (3, uint(1, "status signed")),
        (4, array([bstr(bytes([0x5a]) * 64 + b"\x01", "signature")], "signatures")),
        (7, uint(4, "waived: the clock was behind")),
        (8, text("treasury 4: customers", "policy")),
    ], "receipt"),
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abce"), "id")),
        (2, bstr(sha(flat(REQUEST2)), "digest of the request")),
        (3, uint(2, "status refused")),
        (5, text("policy.no-rule", "code")),
        (8, text("treasury 4", "policy")),
    ], "receipt"),
], answers=sha(flat(REQUESTS_BY)))

# What a rehearsal makes.
PAIRING_REHEARSAL = bundle(1, OFFLINE, ZERO16, 0, ZERO32, 1767225660, 0, [device(OFFLINE, "offline")], rehearsal=True)
RECEIPTS_REHEARSAL = bundle(4, OFFLINE, ONLINE.id, 3, sha(flat(RECEIPTS)), 1767226000, 0, [
    mapping([
        (1, bstr(H("65f0c0ffee0123456789abce"), "id")),
        (2, bstr(sha(flat(REQUEST2)), "digest of the request")),
        (3, uint(3, "status deferred")),
        (5, text("operator.later", "code")),
    ], "receipt"),
], answers=sha(flat(REQUESTS)), head_of_journal=HEAD, rehearsal=True)

VECTORS = {"pairing-online": PAIRING, "pairing-offline": PAIRING2, "keys": KEYS, "requests": REQUESTS,
           "receipts": RECEIPTS, "receipts-head": RECEIPTS_HEAD, "requests-head": REQUESTS_HEAD, "requests-requester": REQUESTS_BY,
           "receipts-policy": RECEIPTS_POLICY,
           "pairing-rehearsal": PAIRING_REHEARSAL, "receipts-rehearsal": RECEIPTS_REHEARSAL}


def annotate(part):
    for depth, b, comment in part:
        print(f"{'  ' * depth + b.hex():<56}{'-- ' + comment if comment else ''}".rstrip())


for name, part in VECTORS.items():
    raw = flat(part)
    assert cbor2.dumps(cbor2.loads(raw), canonical=True) == raw
    for item in cbor2.loads(cbor2.loads(raw).value[2])[9]:
        assert cbor2.dumps(cbor2.loads(item), canonical=True) == item
    if "--annotate" in sys.argv:
        print(f"### {name}.cbor\n\nSHA-256 `{sha(raw).hex()}`, {len(raw)} bytes.\n\n```cbor {name}.cbor")
        annotate(part)
        print("```\n")
    else:
        (HERE / f"{name}.cbor").write_bytes(raw)

low, high = sorted([ONLINE.public, OFFLINE.public])
words = hashlib.scrypt(low + high, salt=b"coldsign pairing v1", n=1 << 16, r=8, p=1, maxmem=1 << 27, dklen=32)
if "--annotate" not in sys.argv:
    (HERE / "pairing-words.hex").write_text(words.hex() + "\n")
