// Node's own fetch (undici) through the gateway: node fetch.mjs BASE_URL. Asserts what it sees and prints it as one JSON line.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

const base = process.argv[2];
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const pattern = (n) => Uint8Array.from({ length: n }, (_, i) => i % 251);
const seen = { client: `node ${process.version}`, requests: 0 };

async function get(path, options) {
  seen.requests += 1;
  return fetch(base + path, options);
}

// One after the other on kept connections.
for (let i = 0; i < 50; i += 1) {
  const res = await get("/hello");
  assert.equal(res.status, 200);
  assert.equal(await res.text(), "hello\n");
}

const head = await get("/hello", { method: "HEAD" });
assert.equal(head.headers.get("content-length"), "6");
assert.equal(await head.text(), "");

const body = pattern(5_000_000);
const known = await (await get("/echo", { method: "POST", body })).json();
assert.equal(known.bytes, body.length);
assert.equal(known.sha256, sha256(body));
assert.equal(known.headers["content-length"], String(body.length));

// A stream has no length: undici sends it chunked.
const pieces = new ReadableStream({
  start(controller) {
    for (let at = 0; at < body.length; at += 100_000) controller.enqueue(body.subarray(at, at + 100_000));
    controller.close();
  },
});
const streamed = await (await get("/echo", { method: "PUT", body: pieces, duplex: "half" })).json();
assert.equal(streamed.bytes, body.length);
assert.equal(streamed.sha256, sha256(body));
assert.equal(streamed.headers["content-length"], undefined);
seen.uploaded = known.bytes + streamed.bytes;

let downloaded = 0;
const download = await get("/bytes/5000000");
for await (const piece of download.body) downloaded += piece.length;
assert.equal(downloaded, 5_000_000);
seen.downloaded = downloaded;

const lines = (await (await get("/stream/50")).text()).trimEnd().split("\n");
assert.deepEqual(lines, Array.from({ length: 50 }, (_, i) => `chunk ${i}`));
seen.chunks = lines.length;

const redirected = await get("/redirect/3");
assert.equal(redirected.redirected, true);
assert.equal(redirected.url, `${base}/hello`);
assert.equal(await redirected.text(), "hello\n");

// Going away in the middle of a body must not hurt whoever comes next.
const abort = new AbortController();
const endless = await get("/endless", { signal: abort.signal });
await endless.body.getReader().read();
abort.abort();

const all = await Promise.all(
  Array.from({ length: 50 }, async (_, i) => {
    const res = await get("/echo", { method: "POST", body: `body ${i}` });
    const echoed = await res.json();
    return echoed.sha256 === sha256(`body ${i}`);
  }),
);
assert.ok(all.every(Boolean));
seen.concurrent = all.length;

console.log(JSON.stringify(seen));
