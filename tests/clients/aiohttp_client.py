"""aiohttp through the gateway: aiohttp_client.py BASE_URL."""

import asyncio

import aiohttp
from support import MEGABYTES_5, base_url, expect, expect_echo, expect_stream, pieces, report, sha256

BASE = base_url()


class Opened:
    """Counts the connections a session opens."""

    def __init__(self):
        self.count = 0
        self.trace = aiohttp.TraceConfig()
        self.trace.on_connection_create_end.append(self.note)

    async def note(self, *_):
        self.count += 1


async def kept_alive(session, opened):
    for _ in range(100):
        async with session.get("/hello") as res:
            expect((res.status, await res.text()), (200, "hello\n"), "GET /hello")
    return opened.count


async def stream_of(data):
    for piece in pieces(data):
        yield piece


async def uploads(session):
    async with session.put("/echo", data=MEGABYTES_5) as res:
        expect_echo(await res.json(), "PUT", MEGABYTES_5, False)
    async with session.post("/echo", data=stream_of(MEGABYTES_5)) as res:
        expect_echo(await res.json(), "POST", MEGABYTES_5, True)
    # The body waits for the interim response.
    async with session.post("/echo", data=b"after 100", expect100=True) as res:
        expect_echo(await res.json(), "POST", b"after 100", False)
    return 2 * len(MEGABYTES_5)


async def downloads(session):
    size = 5_000_000
    async with session.get(f"/bytes/{size}") as res:
        data = b"".join([piece async for piece in res.content.iter_chunked(65536)])
    expect(sha256(data), sha256(bytes(i % 251 for i in range(size))), "downloaded digest")
    async with session.get("/stream/50") as res:
        expect(res.headers.get("transfer-encoding"), "chunked", "framing of a stream")
        expect_stream(await res.text(), 50)
    return len(data)


async def redirects(session):
    async with session.get("/redirect/3") as res:
        expect(str(res.url), f"{BASE}/hello", "where redirects lead")
        return len(res.history)


async def concurrent(session):
    async def one(i):
        async with session.post("/echo", data=f"body {i}".encode()) as res:
            return (await res.json())["sha256"]

    found = await asyncio.gather(*(one(i) for i in range(50)))
    expect(found, [sha256(f"body {i}".encode()) for i in range(50)], "digests of 50 at once")
    return len(found)


async def main():
    opened = Opened()
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(BASE, trace_configs=[opened.trace], timeout=timeout) as session:
        report(
            f"aiohttp {aiohttp.__version__}",
            connections=await kept_alive(session, opened),
            uploaded=await uploads(session),
            downloaded=await downloads(session),
            redirects=await redirects(session),
            concurrent=await concurrent(session),
        )


asyncio.run(main())
