"""httpx (httpcore, h11) through the gateway: httpx_client.py BASE_URL."""

import asyncio

import httpx
from support import MEGABYTES_5, base_url, expect, expect_echo, expect_stream, pieces, report, sha256

BASE = base_url()


def kept_alive(client):
    """Many requests, one connection: counts what the transport opens."""
    opened = 0

    def trace(event, _info):
        nonlocal opened
        opened += event == "connection.connect_tcp.started"

    for _ in range(100):
        res = client.get("/hello", extensions={"trace": trace})
        expect((res.status_code, res.text), (200, "hello\n"), "GET /hello")
    return opened


def uploads(client):
    expect_echo(client.put("/echo", content=MEGABYTES_5).json(), "PUT", MEGABYTES_5, False)
    echo = client.post("/echo", content=pieces(MEGABYTES_5)).json()
    expect_echo(echo, "POST", MEGABYTES_5, True)
    return 2 * len(MEGABYTES_5)


def downloads(client):
    size = 5_000_000
    with client.stream("GET", f"/bytes/{size}") as res:
        data = b"".join(res.iter_bytes())
    expect(sha256(data), sha256(bytes(i % 251 for i in range(size))), "downloaded digest")
    with client.stream("GET", "/stream/50") as res:
        expect(res.headers.get("transfer-encoding"), "chunked", "framing of a stream")
        expect_stream("".join(res.iter_text()), 50)
    return len(data)


def redirects(client):
    res = client.get("/redirect/3", follow_redirects=True)
    expect(str(res.url), f"{BASE}/hello", "where redirects lead")
    return len(res.history)


async def concurrent():
    async with httpx.AsyncClient(base_url=BASE, trust_env=False, timeout=20) as client:
        posts = (client.post("/echo", content=f"body {i}".encode()) for i in range(50))
        found = [res.json()["sha256"] for res in await asyncio.gather(*posts)]
    expect(found, [sha256(f"body {i}".encode()) for i in range(50)], "digests of 50 at once")
    return len(found)


with httpx.Client(base_url=BASE, trust_env=False, timeout=20) as client:
    report(
        f"httpx {httpx.__version__}",
        connections=kept_alive(client),
        head=client.head("/hello").headers["content-length"],
        uploaded=uploads(client),
        downloaded=downloads(client),
        redirects=redirects(client),
        concurrent=asyncio.run(concurrent()),
    )
