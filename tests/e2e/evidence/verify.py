#!/usr/bin/env python3
"""A second opinion about a journal: RFC 6962, C2SP signed-note and tlog-tiles, and RFC 8032, written from their texts with
the standard library alone. It shares nothing with the server.

    verify.py WHERE VERIFIER_KEY [root SIZE | inclusion INDEX SIZE | consistency OLD NEW | entry INDEX]...

WHERE is the folder of the journal, or the address it is served under. Prints `checkpoint SIZE ROOT`, then a line for each
question; ends with an error when the tiles, the entries and the signed root do not agree.
"""
import base64
import hashlib
import os
import sys
import urllib.request


def sha256(data):
    return hashlib.sha256(data).digest()


# RFC 6962, section 2.1: the definitions, as they stand there.

def largest_power_below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d):
    if not d:
        return sha256(b"")
    if len(d) == 1:
        return sha256(b"\x00" + d[0])
    k = largest_power_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m, d):
    if len(d) == 1:
        return []
    k = largest_power_below(len(d))
    if m < k:
        return path(m, d[:k]) + [mth(d[k:])]
    return path(m - k, d[k:]) + [mth(d[:k])]


def subproof(m, d, known):
    if m == len(d):
        return [] if known else [mth(d)]
    k = largest_power_below(len(d))
    if m <= k:
        return subproof(m, d[:k], known) + [mth(d[k:])]
    return subproof(m - k, d[k:], False) + [mth(d[:k])]


# RFC 8032, section 5.1: Ed25519, in affine coordinates; slow and short.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + y1 * x2) * pow(1 + t, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P)
    return x % P, y % P


def times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != xx:
        raise ValueError("not a point")
    return (P - x if x & 1 != sign else x), y


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_accepts(key, message, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    return times(s, BASE) == add(decode(r), times(h, decode(key)))


# C2SP signed-note, tlog-checkpoint, tlog-tiles.

def fetch(where, name):
    if where.startswith("http://"):
        with urllib.request.urlopen(where.rstrip("/") + "/" + name) as answer:
            return answer.read()
    with open(os.path.join(where, name), "rb") as file:
        return file.read()


def checkpoint(where, verifier_key):
    name, key_id, encoded = verifier_key.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    assert key[0] == 1 and sha256(name.encode() + b"\n" + key)[:4].hex() == key_id, "not a verifier key"
    text, _, lines = fetch(where, "checkpoint").decode().rpartition("\n\n")
    text += "\n"
    signatures = [line.split(" ") for line in lines.splitlines()]
    mine = [base64.b64decode(s) for dash, n, s in signatures if dash == "\u2014" and n == name]
    mine = [s[4:] for s in mine if s[:4].hex() == key_id]
    assert mine and all(ed25519_accepts(key[1:], text.encode(), s) for s in mine), "not signed with that key"
    origin, size, root, *_extensions = text.splitlines()
    assert origin == name, "a checkpoint of another journal"
    return int(size), base64.b64decode(root, validate=True)


def tile(where, level, number, width):
    digits = "%03d" % (number % 1000)
    while number >= 1000:
        number //= 1000
        digits = "x%03d/" % (number % 1000) + digits
    return fetch(where, f"tile/{level}/{digits}" + (f".p/{width}" if width < 256 else ""))


def level_of(where, level, count, length):
    data = b""
    for number in range((count + 255) // 256):
        width = min(256, count - 256 * number)
        found = tile(where, level, number, width)
        assert len(found) == width * length, "a tile of another length"
        data += found
    return [data[i:i + length] for i in range(0, len(data), length)]


def main():
    where, verifier_key, questions = sys.argv[1], sys.argv[2], sys.argv[3:]
    size, root = checkpoint(where, verifier_key)
    bundles = level_of(where, "entries", size, 34)
    assert all(entry[:2] == b"\x00\x20" for entry in bundles), "an entry of another length"
    entries = [entry[2:] for entry in bundles]
    assert mth(entries) == root, "the entries do not lead to the signed root"
    hashes, level = [sha256(b"\x00" + entry) for entry in entries], 0
    while hashes:
        assert level_of(where, level, len(hashes), 32) == hashes, f"a tile of level {level} is wrong"
        level += 1
        hashes = [mth(entries[i:i + 256**level]) for i in range(0, size - 256**level + 1, 256**level)]
    print("checkpoint", size, root.hex())
    while questions:
        word = questions.pop(0)
        first = int(questions.pop(0))
        if word == "root":
            answer = [mth(entries[:first])]
        elif word == "entry":
            answer = [entries[first]]
        elif word == "inclusion":
            answer = path(first, entries[:int(questions.pop(0))])
        else:
            answer = subproof(first, entries[:int(questions.pop(0))], True)
        print(word, *[node.hex() for node in answer])


main()
