"""A WebSocket client through the gateway to ws_echo.py: ws_client.py BASE_URL [CA_FILE]."""

import asyncio
import base64
import os
import ssl
import struct
import sys
from urllib.parse import urlsplit

import websockets
from support import base_url, expect, report
from websockets.asyncio.client import connect

BASE = base_url()
ECHO = BASE.replace("http", "ws", 1) + "/echo"
TRUST = {"ssl": ssl.create_default_context(cafile=sys.argv[2])} if len(sys.argv) > 2 else {}


def connection():
    return connect(ECHO, proxy=None, max_size=4 << 20, open_timeout=10, close_timeout=10, **TRUST)


async def messages(count):
    """One after the other, then as many without waiting in between."""
    async with connection() as conn:
        expect(await conn.recv(), "welcome", "greeting")
        for i in range(count):
            await conn.send(f"message {i}")
            expect(await conn.recv(), f"message {i}", "echo")

        async def send_all():
            for i in range(count):
                await conn.send(f"again {i}")

        sending = asyncio.create_task(send_all())
        for i in range(count):
            expect(await conn.recv(), f"again {i}", "echo in order")
        await sending
    expect(conn.close_code, 1000, "close code of a close by the client")
    return 2 * count


async def large(size):
    # Random bytes do not shrink under permessage-deflate.
    data = os.urandom(size)
    async with connection() as conn:
        await conn.recv()
        await conn.send(data)
        expect(await conn.recv(), data, "large echo")
        await (await conn.ping())
    return size


async def closed_by_server():
    async with connection() as conn:
        await conn.recv()
        await conn.send("close please")
        try:
            await conn.recv()
        except websockets.ConnectionClosed as closed:
            expect((closed.rcvd.code, closed.rcvd.reason), (4001, "as you wish"), "close by the server")
            return closed.rcvd.code
    raise AssertionError("the server did not close")


def masked_text(text):
    data, mask = text.encode(), os.urandom(4)
    assert len(data) < 126
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    return struct.pack("!BB", 0x81, 0x80 | len(data)) + mask + masked


async def text_frame(reader):
    first, length = await reader.readexactly(2)
    expect(first, 0x81, "a whole text frame")
    return (await reader.readexactly(length)).decode()


async def early_data():
    """The first frame leaves with the handshake: it must wait for the 101 and then arrive, neither lost nor read as HTTP."""
    where = urlsplit(BASE)
    reader, writer = await asyncio.open_connection(where.hostname, where.port, **TRUST)
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET /echo HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    writer.write(head.encode() + masked_text("early"))
    status = await reader.readline()
    expect(status.split()[1], b"101", "status of the handshake")
    await reader.readuntil(b"\r\n\r\n")
    expect(await text_frame(reader), "welcome", "greeting behind the 101")
    expect(await text_frame(reader), "early", "echo of the early frame")
    writer.close()
    return True


async def concurrent(count):
    async def one(i):
        async with connection() as conn:
            await conn.recv()
            await conn.send(str(i))
            return await conn.recv()

    found = await asyncio.gather(*(one(i) for i in range(count)))
    expect(found, [str(i) for i in range(count)], "echoes of concurrent connections")
    return count


async def main():
    report(
        f"websockets {websockets.__version__}",
        messages=await messages(1000),
        large=await large(1 << 20),
        closed_by_server=await closed_by_server(),
        early_data=await asyncio.wait_for(early_data(), 10),
        concurrent=await concurrent(50),
    )


asyncio.run(main())
