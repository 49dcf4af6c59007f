"""Checks device/vectors/protocol-v1.json with nothing but Python's standard library.

    python3 docs/examples/check_vectors.py

A second implementation of everything in docs/mobile-protocol.md that is computed, except AES-GCM and Argon2id, which the
standard library lacks. It is written to be read, not to be fast or safe: never sign with this arithmetic in production.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import urllib.parse

VECTORS = pathlib.Path(__file__).parents[2] / "device" / "vectors" / "protocol-v1.json"


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(material, label):
    """RFC 5869 with SHA-256, an empty salt and 32 bytes of output: one block."""
    return mac(mac(b"", material), label.encode(), b"\x01")


def prefixed(*fields):
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def digits(code, count):
    """RFC 4226, section 5.3, on 32 bytes."""
    offset = code[31] & 0x0F
    number = int.from_bytes(code[offset:offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**count).zfill(count)


# P-256: y^2 = x^3 - 3x + b over the integers modulo P; G has the order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def add(one, other):
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope**2 - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def multiply(scalar, point):
    result = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def spki(private):
    x, y = multiply(private, G)
    return SPKI_PREFIX + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def nonce(private, digest):
    """RFC 6979, section 3.2."""
    seed = private.to_bytes(32, "big") + (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    key, value = b"\x00" * 32, b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        key = mac(key, value, separator, seed)
        value = mac(key, value)
    while True:
        value = mac(key, value)
        if 0 < int.from_bytes(value, "big") < N:
            return int.from_bytes(value, "big")
        key = mac(key, value, b"\x00")
        value = mac(key, value)


def der_integer(number):
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(data)]) + data


def sign(private, digest):
    k = nonce(private, digest)
    r = multiply(k, G)[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + r * private) % N
    pair = der_integer(r) + der_integer(min(s, N - s))
    return bytes([0x30, len(pair)]) + pair


checked = 0


def check(name, computed, published):
    global checked
    if isinstance(computed, bytes):
        computed = computed.hex()
    if computed != published:
        raise SystemExit(f"{name}: {computed} is not {published}")
    checked += 1


def main():
    v = json.loads(VECTORS.read_text(encoding="utf-8"))
    system_id, user_id, index = (v["owner"][name] for name in ("system_id", "user_id", "key_index"))
    owner = [system_id.encode(), user_id.encode()]

    keys = {name: bytes.fromhex(text) for name, text in v["keys"].items()}
    k1, k = keys["k1"], keys["k"]
    check("K", bytes(a ^ b for a, b in zip(k1, keys["k2"])), v["keys"]["k"])
    check("k_auth", hkdf(k, "pc/auth"), v["keys"]["k_auth"])
    check("k_conf", hkdf(k, "pc/confirm"), v["keys"]["k_conf"])
    check("k_cred", hkdf(k, "pc/credentials"), v["keys"]["k_cred"])
    check("k_act", hkdf(k1, "pc/activate"), v["keys"]["k_act"])

    for name, secret in (("whole", k), ("half", k1)):
        key = json.loads(v["key_text"][name])["key"]["data"]
        check(f"key text, {name}", base64.b64decode(key), secret.hex())
    link = urllib.parse.urlsplit(v["key_text"]["half_as_link"])
    check("link", urllib.parse.parse_qs(link.query)["key_json"][0], v["key_text"]["half"])

    q = v["request"]
    check("request body", sha256(q["body"].encode()), q["body_sha256"])
    lines = ["v1", system_id, user_id, index, q["method"], q["target"], q["ts"], q["nonce"], q["body_sha256"]]
    message = "\n".join(map(str, lines))
    check("request message", message, q["message"])
    check("request MAC", mac(keys["k_auth"], message.encode()), q["mac"])
    header = f"v1 sid={system_id}, uid={user_id}, kid={index}, ts={q['ts']}, nonce={q['nonce']}, mac={q['mac']}"
    check("PC-Auth", header, q["pc_auth"])

    a = v["response"]
    check("answer body", sha256(a["body"].encode()), a["body_sha256"])
    response_key = mac(keys["k_auth"], b"v1-response-key\n" + q["nonce"].encode())
    check("response key", response_key, a["response_key"])
    message = "\n".join(map(str, ["v1-response", q["nonce"], a["status"], a["body_sha256"]]))
    check("answer message", message, a["message"])
    check("answer MAC", mac(response_key, message.encode()), a["mac"])
    check("PC-Auth-Response", f"v1 mac={a['mac']}", a["pc_auth_response"])

    c = v["activation"]
    check("proof", mac(hkdf(k1, "pc/activation-proof"), c["code"].encode()), c["proof"])
    check("release key", hkdf(k1 + c["code"].encode(), "pc/release"), c["release_key"])
    check("release AAD", f"{system_id}/{user_id}/{index}", c["aad"])

    p = v["credentials"]
    proof = hkdf(bytes.fromhex(p["stretched"]), "pc/password-proof")
    check("password proof", proof, p["proof"])
    check("access release key", hkdf(proof, "pc/access-release"), p["release_key"])
    check("access AAD", f"{system_id}/{user_id}/{index}/access", p["aad"])

    t = v["transaction"]
    check("binary", sha256(bytes.fromhex(t["binary"])), t["binary_sha256"])

    def canonical(text_type, binary):
        fields = [t["transaction_id"].encode(), bytes.fromhex(t["salt"]), text_type, t["text"].encode(), binary]
        return prefixed(b"pc-tx-v1", *owner, *fields)

    shown = canonical(b"raw", bytes.fromhex(t["binary_sha256"]))
    check("canonical bytes", shown, t["canonical"])
    digest = sha256(shown)
    check("digest", digest, t["digest"])
    check("digest without binary", sha256(canonical(b"markdown", b"")), t["digest_as_markdown_without_binary"])

    m = v["confirm_code"]
    check("step", m["unix_ms"] // 1000 // m["step_s"], m["step"])
    for suffix, bound in (("", b""), ("_with_fingerprint", bytes.fromhex(m["fingerprint"]))):
        data = digest + m["step"].to_bytes(8, "big") + bound
        check("code input" + suffix, data, m["input" + suffix])
        code = mac(keys["k_conf"], data)
        check("code" + suffix, code, m["full" + suffix])
        check("8 digits" + suffix, digits(code, 8), m["digits_8" + suffix])
        if not bound:
            check("10 digits", digits(code, 10), m["digits_10"])

    o = v["data_code"]
    data = sha256(prefixed(b"pc-data-v1", *owner, o["data"].encode()))
    check("digest of data", data, o["digest"])
    code = mac(keys["k_conf"], data + m["step"].to_bytes(8, "big"))
    check("code for data", code, o["full"])
    check("8 digits for data", digits(code, 8), o["digits_8"])

    s = v["signature"]
    private = int(s["private_key"], 16)
    check("public key", spki(private), s["public_key"])
    check("signature", sign(private, digest), s["signature"])

    r = v["renewal"]
    check("new public key", spki(int(r["new_private_key"], 16)), r["new_public_key"])
    renewal = prefixed(b"pc-renew-v1", *owner, str(index).encode(), bytes.fromhex(r["new_public_key"]))
    check("renewal message", renewal, r["message"])
    check("renewal digest", sha256(renewal), r["message_sha256"])
    check("renewal signature", sign(private, sha256(renewal)), r["signature"])
    renewal = prefixed(b"pc-renew-autosign-v1", *owner, str(index).encode(), bytes.fromhex(r["new_public_key"]))
    check("second pair's renewal message", renewal, v["autosign_renewal"]["message"])
    check("second pair's renewal digest", sha256(renewal), v["autosign_renewal"]["message_sha256"])
    check("second pair's renewal signature", sign(private, sha256(renewal)), v["autosign_renewal"]["signature"])
    a = v["autosign"]
    autosign = prefixed(b"pc-autosign-v1", bytes.fromhex(a["attempt_id"]), digest)
    check("automatic confirmation's message", autosign, a["message"])
    check("automatic confirmation's digest", sha256(autosign), a["message_sha256"])
    check("automatic confirmation's signature", sign(int(r["new_private_key"], 16), sha256(autosign)), a["signature"])
    w = v["recovery"]
    verifier = bytes.fromhex(w["verifier"])
    template = prefixed(b"pc-ext-auth-v1", *owner, str(index).encode(), w["template_id"].encode(), b"code_word", bytes.fromhex(w["salt"]) + verifier)
    check("recovery's template digest", sha256(template), w["template_message_sha256"])
    check("recovery's template signature", sign(private, sha256(template)), w["template_signature"])
    message = prefixed(b"pc-renew-key-v1", *owner, str(index).encode(), bytes.fromhex(w["challenge"]))
    check("recovery's proof", mac(hkdf(verifier, "pc/renew-proof"), message), w["proof"])
    check("recovery's release key", hkdf(keys["k"] + verifier, "pc/renew-release"), w["release_key"])
    print(
        f"{checked} values agree with {VECTORS.name}; not checked here: activation.released, credentials.closed "
        "and recovery.released (AES-256-GCM), credentials.stretched and recovery.verifier (Argon2id)"
    )


if __name__ == "__main__":
    main()
