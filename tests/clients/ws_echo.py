"""A WebSocket origin: greets at once, echoes every message, closes with 4001 when asked to. Prints `listening on IP:PORT`."""

import asyncio

from websockets.asyncio.server import serve


async def echo(conn):
    # Leaves with or right behind the 101: bytes that a gateway reads together with the head.
    await conn.send("welcome")
    async for message in conn:
        if message == "close please":
            await conn.close(4001, "as you wish")
            return
        await conn.send(message)


async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=4 << 20) as server:
        host, port = server.sockets[0].getsockname()[:2]
        print(f"listening on {host}:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
