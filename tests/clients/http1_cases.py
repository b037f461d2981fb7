"""Sends every case of cases.jsonl through a gateway and judges by the bytes that reach a recording origin.

http1_cases.py CASES --origins N       prints `origins PORT …`, then reads a line `IP:PORT …` from its input: the
                                       gateways, each of which forwards everything to the origin of its place
http1_cases.py CASES --pair IP:PORT=ORIGIN_PORT …    the same with gateways that run already
    --only REGEX    cases whose id, category or name match
    --out FILE      one JSON line per case

A gateway must forward every path over HTTP/1.1 with the Host kept, and must not retry. One case at a time runs on each pair
of gateway and origin, so what the origin records belongs to that case; pairs run side by side. The last line printed is JSON:
`verdicts` counts them, `cases` holds what is needed to look into each case that is not a plain PASS. Where the
gateway looked silent, the case is run again with more patience and the second verdict counts; the first stands beside it as
`first`. What the origin recorded is never judged anew.

Verdicts: PASS; LENIENT (invalid, repaired, forwarded strictly); HAZARD (the origin got ambiguous or invalid bytes); SPLIT (a
disguised body became a second request); SMUGGLE (the origin saw a request that the client got no answer for);
FRAMING-DIFF (another body arrived); REFUSED (valid, refused); LOST (valid, neither forwarded nor refused); ODD (valid,
answered otherwise); PASS-open (refused, connection left open); PASS-hang (the origin got a part, then nothing happened).
"""

import argparse
import base64
import collections
import json
import queue
import re
import socket
import threading
import time
from dataclasses import dataclass

from http1_oracle import Reading, read

DISGUISED = (b"/smuggled", b"/evil")
INVALID_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\nX-Origin: invalid\r\n\r\nbad"
)
# A loaded machine can make a gateway look silent: what looks so is run again with patience. Verdicts that stand on bytes the
# origin recorded are final, for no later run can take them back.
SILENT = {"REFUSED", "LOST", "ODD", "PASS-hang", "PASS-open"}


@dataclass
class Patience:
    """How long to watch, in seconds."""

    idle: float  # silence of both ends that ends a case
    total: float  # the longest case


class Origin:
    """Records what arrives, answers whole requests, and answers a broken one after a pause so that the gateway shows
    what it does next."""

    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.records = []
        self.last_arrival = 0.0
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            conn, _ = self.listener.accept()
            record = {"bytes": b"", "taken": 0, "closed": False}
            with self.lock:
                self.records.append(record)
            threading.Thread(target=self.serve, args=(conn, record), daemon=True).start()

    def serve(self, conn, record):
        with conn:
            try:
                self.converse(conn, record)
            except OSError:
                pass
        record["closed"] = True

    def converse(self, conn, record):
        answered, gave_up = 0, False
        conn.settimeout(0.1)
        while True:
            try:
                data = conn.recv(65536)
            except TimeoutError:
                reading = read(record["bytes"], upgrades=False)
                if gave_up or (reading.rest and not reading.incomplete and not reading.reject):
                    return
                if reading.reject:
                    conn.sendall(INVALID_ANSWER)
                    gave_up = True
                continue
            if not data:
                return
            with self.lock:
                record["bytes"] += data
                self.last_arrival = time.monotonic()
            for request in read(record["bytes"], upgrades=False).requests[answered:]:
                body = b"" if request.method == b"HEAD" else b"ok %d" % answered
                length = len(b"ok %d" % answered)
                answered += 1
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, body))

    def take(self):
        """What arrived since the last call, per connection."""
        with self.lock:
            arrived = [record["bytes"][record["taken"] :] for record in self.records]
            for record in self.records:
                record["taken"] = len(record["bytes"])
            self.records = [record for record in self.records if not record["closed"]]
        return [data for data in arrived if data]


def send(gateway, raw, origin, patience):
    """Sends the bytes and watches until the connection closes or both ends fall silent."""
    got, closed = b"", False
    with socket.create_connection(gateway, 5) as conn:
        try:
            conn.sendall(raw)
        except OSError:
            pass
        start = last = time.monotonic()
        conn.settimeout(0.02)
        while not closed:
            now = time.monotonic()
            if now - start > patience.total:
                break
            if got and now - max(last, origin.last_arrival) > patience.idle:
                break
            try:
                data = conn.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            closed = not data
            got += data
            last = time.monotonic()
    time.sleep(0.02)
    return got, closed


def judge(case, gateway, origin, patience):
    raw = base64.b64decode(case["raw"])
    origin.take()
    got, closed = send(gateway, raw, origin, patience)
    arrived = origin.take()
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", got)]
    sent, received = read(raw), [read(data, upgrades=False) for data in arrived]
    return {
        "id": case["id"],
        "verdict": verdict(sent, received, statuses, closed, bool(got)),
        "category": case["cat"],
        "name": case["name"],
        "expected": case["expect"],
        "why": case["why"],
        "statuses": statuses,
        "closed": closed,
        "hazards": [hazard for reading in received for hazard in reading.hazards()],
        "sent": raw[:1200].decode("latin-1"),
        "origin_saw": [data[:1200].decode("latin-1") for data in arrived],
        "client_saw": got[:300].decode("latin-1"),
    }


def verdict(sent: Reading, received, statuses, closed, any_answer):
    requests = [request for reading in received for request in reading.requests]
    final = [status for status in statuses if status >= 200]
    hazard = any(reading.hazards() for reading in received)
    wanted = len(sent.requests)
    disguised = is_disguised(requests) and not is_disguised(sent.requests)
    if disguised or len(requests) > wanted + bool(sent.reject or sent.incomplete):
        # Gateway and origin agree in a SPLIT: the gateway took the disguised body for a request of its own.
        return "SMUGGLE" if hazard or len(requests) > len(final) else "SPLIT"
    if sent.reject:
        if len(requests) > wanted or any(reading.reject for reading in received):
            return "HAZARD" if hazard else "LENIENT"
        if received and not (final and final[-1] >= 400):
            return "PASS" if closed else "PASS-hang"
        return "PASS" if closed or not any_answer else "PASS-open"
    if sent.incomplete:
        return "PASS" if len(requests) <= wanted and not hazard else "HAZARD"
    bodies = collections.Counter(request.body for request in requests)
    if bodies - collections.Counter(request.body for request in sent.requests):
        return "FRAMING-DIFF"
    if hazard:
        return "HAZARD"
    if sent.may:
        return "PASS"
    if len(requests) >= wanted and final and all(status < 400 for status in final):
        return "PASS"
    if (final and final[-1] >= 400) or (not final and len(requests) <= wanted):
        return "REFUSED"
    return "LOST" if len(requests) < wanted else "ODD"


def is_disguised(requests):
    return any(mark in request.target for request in requests for mark in DISGUISED)


def run(cases, pairs, patience):
    """Judges the cases, as many at a time as there are pairs; results in the order of the cases."""
    waiting, results = queue.SimpleQueue(), {}
    for case in cases:
        waiting.put(case)

    def work(gateway, origin):
        while True:
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results[case["id"]] = judge(case, gateway, origin, patience)
            except OSError as error:
                results[case["id"]] = {"id": case["id"], "verdict": "ODD", "error": str(error)}

    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[case["id"]] for case in cases]


def address(text):
    host, _, port = text.rpartition(":")
    assert host.startswith("127."), "gateways under test are on loopback"
    return host, int(port)


def open_pairs(options):
    if options.pair:
        parts = [pair.split("=") for pair in options.pair]
        return [(address(gateway), Origin(int(port))) for gateway, port in parts]
    origins = [Origin() for _ in range(options.origins)]
    print("origins", *(origin.port for origin in origins), flush=True)
    gateways = [address(text) for text in input().split()]
    return list(zip(gateways, origins, strict=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("--origins", type=int, default=1)
    parser.add_argument("--pair", action="append")
    parser.add_argument("--only", default=".")
    parser.add_argument("--out")
    options = parser.parse_args()
    with open(options.cases, encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    cases = [case for case in cases if re.search(options.only, f"{case['id']} {case['cat']} {case['name']}")]
    pairs = open_pairs(options)
    start = time.monotonic()
    results = {result["id"]: result for result in run(cases, pairs, Patience(0.15, 0.8))}
    again = [case for case in cases if results[case["id"]]["verdict"] in SILENT]
    for result in run(again, pairs[:1] if len(again) < 40 else pairs[:4], Patience(0.4, 2.0)):
        results[result["id"]] = result | {"first": results[result["id"]]["verdict"]}
    if options.out:
        with open(options.out, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(result) + "\n" for result in results.values())
    verdicts = collections.Counter(result["verdict"] for result in results.values())
    report = {
        "total": len(results),
        "seconds": round(time.monotonic() - start, 1),
        "run_again": len(again),
        "verdicts": dict(verdicts),
        "cases": [result for result in results.values() if result["verdict"] != "PASS" or "first" in result],
    }
    print(json.dumps(report), flush=True)


main()
