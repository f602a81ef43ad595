/** Heads and trailers over HTTP/1.1: the same bytes as with node:https. */
import { describe, expect, test } from "vitest";
import type { Listener } from "../host/node/index.ts";
import { both, exchangeRaw } from "./testing/raw.ts";
import { ownServer } from "./testing/server.ts";

const LISTENERS: Record<string, Listener> = {
  "connection removed": (_request, response) => {
    response.removeHeader("connection");
    response.end("hello");
  },
  "content-length removed": (_request, response) => {
    response.removeHeader("content-length");
    response.end("hello");
  },
  "content-length and transfer-encoding removed": (_request, response) => {
    response.removeHeader("content-length");
    response.removeHeader("transfer-encoding");
    response.removeHeader("connection");
    response.end("hello");
  },
  "transfer-encoding removed before a write": (_request, response) => {
    response.removeHeader("transfer-encoding");
    response.write("hello");
    response.end();
  },
  "content written in parts": (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.write("hello");
    response.end();
  },
  "a head without content": (_request, response) => response.writeHead(204, { "X-Name": "a" }).end(),
};

const CLOSING = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const REQUESTS: Record<string, string> = {
  "over HTTP/1.1": `GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${CLOSING}`,
  "over HTTP/1.0": "GET / HTTP/1.0\r\n\r\n",
  "to HEAD": CLOSING.replace("GET", "HEAD"),
};

const CASES = Object.entries(LISTENERS).flatMap(([what, listener]) =>
  Object.entries(REQUESTS).map(([kind, request]) => [what, kind, listener, request] as const),
);

test.each(CASES)("%s, %s", async (_what, _kind, listener, request) => {
  const [ours, node] = await both((make) => exchangeRaw(make(listener, {}), request));
  expect(ours).toBe(node);
});

test("informational responses have a reason phrase, and are not sent to HTTP/1.0", async () => {
  const listener: Listener = (_request, response) => {
    response.writeProcessing();
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.writeContinue();
    response.end("hello");
  };
  const [ours, node] = await both((make) => exchangeRaw(make(listener, {}), CLOSING));
  expect(ours!.toLowerCase()).toBe(node!.toLowerCase());
  expect(ours).toContain("102 Processing");
  // RFC 9110 §15.2. Node sends them.
  const old = await exchangeRaw(ownServer(listener, { altSvc: { advertise: false } }).server, "GET / HTTP/1.0\r\n\r\n");
  expect(old).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
});

test("trailers keep the listener's spelling", async () => {
  const listener: Listener = (_request, response) => {
    response.setHeader("Trailer", "X-Sum");
    response.write("hello");
    response.addTrailers([
      ["X-Sum", "a"],
      ["x-sUm", "b"],
    ]);
    response.end();
  };
  const [ours, node] = await both((make) => exchangeRaw(make(listener, {}), CLOSING));
  expect(ours).toBe(node);
  expect(ours).toContain("X-Sum: a\r\nx-sUm: b");
});

test("content-disposition in UTF-8, as Latin-1 text, keeps its bytes", async () => {
  const name = Buffer.from("bår").toString("latin1");
  const listener: Listener = (_request, response) => {
    response.writeHead(200, { "Content-Length": 5, "Content-Disposition": `attachment; filename="${name}"` });
    response.end("hello");
  };
  for (const received of await both((make) => exchangeRaw(make(listener, {}), CLOSING))) {
    expect(received).toContain(`filename="${name}"`);
  }
});

describe("rawTrailers", () => {
  test("have the client's spelling", async () => {
    const request =
      "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "1\r\na\r\n0\r\nX-bAr: one\r\nx-Bar: two\r\n\r\n";
    const listener: Listener = (request, response) => {
      request.resume().on("end", () => response.end(JSON.stringify([request.rawTrailers, request.trailers])));
    };
    const [ours, node] = await both((make) => exchangeRaw(make(listener, {}), request));
    expect(ours).toContain('[["X-bAr","one","x-Bar","two"],{"x-bar":"one, two"}]');
    expect(ours).toBe(node);
  });
});
