/** Heads and trailers over HTTP/1.1: the same bytes as with node:https. */
import { describe, expect, test } from "vitest";
import type { Listener } from "../host/node/index.ts";
import { both, exchangeRaw } from "./testing/raw.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/** The lines of each part in alphabetical order, since the order of those that Node adds is not ours. */
const sorted = (received: string): string[][] =>
  received
    .toLowerCase()
    .split("\r\n\r\n")
    .map((part) => part.split("\r\n").sort());

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
    response.write("hel");
    response.end("lo");
  },
  "informational responses": (_request, response) => {
    response.writeProcessing();
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.writeContinue();
    response.end("hello");
  },
  "trailers in mixed case": (_request, response) => {
    response.setHeader("Trailer", "X-Sum");
    response.write("hello");
    response.addTrailers([
      ["X-Sum", "a"],
      ["x-sUm", "b"],
    ]);
    response.end();
  },
  "content-disposition in UTF-8, as Latin-1 text": (_request, response) => {
    const name = Buffer.from("bår").toString("latin1");
    response.writeHead(200, { "Content-Length": 5, "Content-Disposition": `attachment; filename="${name}"` });
    response.end("hello");
  },
};

test.each(Object.entries(LISTENERS))("%s", async (_what, listener) => {
  const [ours, node] = await both((make) => exchangeRaw(make(listener, {}), REQUEST));
  expect(sorted(ours!)).toEqual(sorted(node!));
  // Names that the listener gave keep their case.
  for (const name of ["Trailer", "X-Sum", "x-sUm", "Content-Disposition"]) {
    expect([name, ours!.includes(`${name}: `)]).toEqual([name, node!.includes(`${name}: `)]);
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
    expect(sorted(ours!)).toEqual(sorted(node!));
  });
});
