"""requests (urllib3) through the gateway: requests_client.py BASE_URL."""

from concurrent.futures import ThreadPoolExecutor

import requests
from support import MEGABYTES_5, base_url, expect, expect_echo, expect_stream, pieces, report, sha256

BASE = base_url()


def kept_alive(session):
    """Many requests, one connection."""
    for _ in range(100):
        res = session.get(f"{BASE}/hello")
        expect((res.status_code, res.text), (200, "hello\n"), "GET /hello")
    pools = session.get_adapter(BASE).poolmanager.pools
    return sum(pools[key].num_connections for key in pools.keys())


def uploads(session):
    expect_echo(session.put(f"{BASE}/echo", data=MEGABYTES_5).json(), "PUT", MEGABYTES_5, False)
    echo = session.post(f"{BASE}/echo", data=pieces(MEGABYTES_5)).json()
    expect_echo(echo, "POST", MEGABYTES_5, True)
    return 2 * len(MEGABYTES_5)


def downloads(session):
    size = 5_000_000
    with session.get(f"{BASE}/bytes/{size}", stream=True) as res:
        data = b"".join(res.iter_content(65536))
    expect(sha256(data), sha256(bytes(i % 251 for i in range(size))), "downloaded digest")
    with session.get(f"{BASE}/stream/50", stream=True) as res:
        expect(res.headers.get("transfer-encoding"), "chunked", "framing of a stream")
        expect_stream(res.text, 50)
    return len(data)


def redirects(session):
    res = session.get(f"{BASE}/redirect/3")
    expect(res.url, f"{BASE}/hello", "where redirects lead")
    return len(res.history)


def concurrent():
    def one(i):
        return requests.post(f"{BASE}/echo", data=f"body {i}".encode()).json()["sha256"]

    with ThreadPoolExecutor(50) as threads:
        found = list(threads.map(one, range(50)))
    expect(found, [sha256(f"body {i}".encode()) for i in range(50)], "digests of 50 at once")
    return len(found)


with requests.Session() as session:
    session.trust_env = False
    expect(session.head(f"{BASE}/hello").headers["content-length"], "6", "HEAD")
    report(
        f"requests {requests.__version__}",
        connections=kept_alive(session),
        uploaded=uploads(session),
        downloaded=downloads(session),
        redirects=redirects(session),
        concurrent=concurrent(),
    )
