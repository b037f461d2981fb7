"""What the client scripts share: known bytes, digests, and the one JSON line that each prints at its end."""

import hashlib
import json
import sys

MEGABYTES_5 = bytes(i % 251 for i in range(251)) * 19921  # 5,000,171 bytes


def base_url():
    """The one argument: where the gateway is."""
    return sys.argv[1].rstrip("/")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def pieces(data, size=100_000):
    """The data in pieces; a generator has no length, so clients send it chunked."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def expect(found, expected, what):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def expect_echo(echo, method, data, chunked):
    """Checks what the origin says it received."""
    expect(echo["method"], method, "method at the origin")
    expect(echo["bytes"], len(data), "bytes at the origin")
    expect(echo["sha256"], sha256(data), "digest at the origin")
    framing = "chunked" if chunked else None
    expect(echo["headers"].get("transfer-encoding"), framing, "framing at the origin")


def expect_stream(text, count):
    expect(text.splitlines(), [f"chunk {i}" for i in range(count)], "streamed lines")


def report(client, **seen):
    print(json.dumps({"client": client, **seen}), flush=True)
