// An Express app as an origin: what real clients ask of one, small. Prints `listening on IP:PORT` when ready.
//
// The packages live in a cache folder outside the checkout, where ES modules do not look; `createRequire` does.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.TIDEGATE_TEST_NODE_MODULES, "resolve-from-here.js"));
const express = require("express");

const app = express();
app.disable("x-powered-by");

app.get("/hello", (req, res) => res.type("text").send("hello\n"));

// Says what arrived: the digest proves that no byte of the body changed on the way.
app.all("/echo", (req, res) => {
  const digest = createHash("sha256");
  let bytes = 0;
  req.on("data", (piece) => {
    digest.update(piece);
    bytes += piece.length;
  });
  req.on("end", () => {
    res.json({
      method: req.method,
      url: req.url,
      bytes,
      sha256: digest.digest("hex"),
      headers: req.headers,
      trailers: req.trailers,
    });
  });
});

// n bytes with a Content-Length; byte i is i modulo 251.
app.get("/bytes/:n", (req, res) => {
  const n = Number(req.params.n);
  res.type("application/octet-stream");
  res.send(Buffer.from(Uint8Array.from({ length: n }, (_, i) => i % 251)));
});

// n chunks, each on its own turn of the event loop, and a trailer.
app.get("/stream/:n", (req, res) => {
  const n = Number(req.params.n);
  let sent = 0;
  res.type("text").setHeader("trailer", "x-chunks");
  const step = () => {
    if (sent === n) {
      res.addTrailers({ "x-chunks": String(n) });
      res.end();
      return;
    }
    res.write(`chunk ${sent++}\n`);
    setImmediate(step);
  };
  step();
});

app.get("/redirect/:n", (req, res) => {
  const n = Number(req.params.n);
  res.redirect(302, n > 1 ? `/redirect/${n - 1}` : "/hello");
});

app.get("/early-hints", (req, res) => {
  res.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
  res.type("text").send("hinted\n");
});

// A body that never ends, for clients that go away in the middle of it.
app.get("/endless", (req, res) => {
  const timer = setInterval(() => res.write("more\n"), 10);
  res.on("close", () => clearInterval(timer));
});

const server = app.listen(0, "127.0.0.1", (error) => {
  if (error) throw error;
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
