/**
 * Request smuggling: requests on which the proxy and a lenient origin could disagree where they end (RFC 9112 §11.2). The
 * origin must never see the request that is hidden in one, whatever the client's answer is, and a request after it must get
 * its own answer. versions-alike.test.ts compares what the versions refuse, and how.
 */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FieldSection } from "../../http/index.ts";
import { openHttp2 } from "../testing/client.ts";
import { get, type TestClient } from "../testing/test-client.ts";
import { openRawHttp2 } from "../testing/versions/raw-http2.ts";
import { openRawHttp3 } from "../testing/versions/raw-http3.ts";
import type { RawRequest } from "../testing/versions/raw-message.ts";
import { createProxy, type ProxyService } from "./service.ts";
import { serveProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
let origin: Server;
let client: TestClient;
let port: number;
let proxy: ProxyService;
/** Targets that the origin has seen. */
const seen: string[] = [];
/** What it has seen besides: fields that were injected, and bytes that are no request. */
const strange: string[] = [];
let forwarded = 0;

beforeAll(async () => {
  // Node's parser at its most lenient.
  origin = createServer({ insecureHTTPParser: true, keepAliveTimeout: 60_000 }, (request, response) => {
    seen.push(request.url!);
    if (request.headers["x-smuggled"] !== undefined) strange.push("an injected field");
    request.on("error", () => undefined);
    request.resume().on("end", () => response.end(request.url));
  });
  origin.on("clientError", (error, socket) => {
    const { code = "" } = error as NodeJS.ErrnoException;
    // The proxy cuts requests off whose content is not what it should be.
    if (code.startsWith("HPE_") && code !== "HPE_INVALID_EOF_STATE") strange.push(error.message);
    socket.destroy();
  });
  await once(origin.listen(0, "127.0.0.1"), "listening");
  // All requests share one connection, as far as it survives.
  proxy = await createProxy(
    [{ url: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, maxConnections: 1 }],
    { log: () => undefined },
  );
  const opened = await serveProxy(closers, openHttp2, proxy);
  [client, port] = [opened, opened.port];
});

afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  origin.closeAllConnections();
  origin.close();
});

/** The origin has seen no request but those that the proxy meant to send, and others get their own answers. */
async function expectNothingSmuggled(): Promise<void> {
  for (let i = 0; i < 2; i += 1) expect(await (await get(client, "/after")).text()).toBe("/after");
  expect(strange).toEqual([]);
  const { requests } = proxy.status().origins[0]!;
  expect(seen.length).toBeLessThanOrEqual(requests - forwarded);
  forwarded = requests;
  seen.length = 0;
}

const HIDDEN = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const post = (fields: string, content: string): string =>
  `POST /carrier HTTP/1.1\r\nhost: localhost\r\n${fields}\r\n${content}`;
const clTe = (coding: string, length = 5 + HIDDEN.length): string =>
  post(`content-length: ${length}\r\n${coding}\r\n`, `0\r\n\r\n${HIDDEN}`);
const te = (coding: string): string => post(`${coding}\r\n`, `0\r\n\r\n${HIDDEN}`);

describe("over HTTP/1.1", () => {
  test.each<[string, string]>([
    ["CL.TE", clTe("transfer-encoding: chunked")],
    ["TE.CL", post("transfer-encoding: chunked\r\ncontent-length: 4\r\n", `${chunk(HIDDEN)}0\r\n\r\n`)],
    ["CL.TE with a tab", clTe("transfer-encoding:\tchunked")],
    ["CL.TE with a space before the colon", clTe("transfer-encoding : chunked")],
    ["CL.TE with a vertical tab in the name", clTe("transfer-encoding\x0b: chunked")],
    ["CL.TE with a vertical tab in the value", clTe("transfer-encoding: \x0bchunked")],
    ["CL.TE with an underscore", clTe("transfer_encoding: chunked")],
    ["CL.TE in capitals", clTe("Transfer-Encoding: CHUNKED")],
    ["CL.TE with an unknown coding", clTe("transfer-encoding: xchunked")],
    ["CL.TE with a quoted coding", clTe('transfer-encoding: "chunked"')],
    ["CL.TE with NUL", clTe("transfer-encoding: chunked\0")],
    ["CL.TE, folded (obs-fold)", clTe("transfer-encoding:\r\n chunked")],
    ["CL.TE, folded into another field", clTe("x-a: b\r\n transfer-encoding: chunked")],
    ["CL.TE after a bare LF", clTe("x-a: b\ntransfer-encoding: chunked")],
    ["CL.TE after a bare CR", clTe("x-a: b\rtransfer-encoding: chunked")],
    ["CL.TE hidden by Connection", clTe("transfer-encoding: chunked\r\nconnection: transfer-encoding")],
    ["TE.TE: chunked twice", te("transfer-encoding: chunked\r\ntransfer-encoding: chunked")],
    ["TE.TE: chunked, identity", te("transfer-encoding: chunked, identity")],
    ["TE.TE: chunked, then another line", te("transfer-encoding: chunked\r\ntransfer-encoding: identity")],
    ["TE.TE: chunked is not last", te("transfer-encoding: chunked, gzip")],
    ["Content-Length twice", post(`content-length: 0\r\ncontent-length: ${HIDDEN.length}\r\n`, HIDDEN)],
    ["Content-Length as a list", post(`content-length: 0, ${HIDDEN.length}\r\n`, HIDDEN)],
    ["Content-Length with a sign", post("content-length: +0\r\n", HIDDEN)],
    ["Content-Length in hexadecimal", post("content-length: 0x0\r\n", HIDDEN)],
    ["Content-Length hidden by Connection", post("content-length: 0\r\nconnection: content-length\r\n", HIDDEN)],
    [
      "content of a GET",
      `GET /carrier HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    ],
    ["chunks with bare LF", post("transfer-encoding: chunked\r\n", `${HIDDEN.length.toString(16)}\n${HIDDEN}\n0\n\n`)],
    ["a chunk extension with bare LF", post("transfer-encoding: chunked\r\n", `0;a\n\r\n${HIDDEN}`)],
    ["a negative chunk size", post("transfer-encoding: chunked\r\n", `-1\r\n${HIDDEN}0\r\n\r\n`)],
    ["a chunk size that overflows", post("transfer-encoding: chunked\r\n", `10000000000000000\r\n${HIDDEN}0\r\n\r\n`)],
    ["a chunk size with 0x", post("transfer-encoding: chunked\r\n", `0x0\r\n\r\n${HIDDEN}`)],
    ["a chunk longer than its size", post("transfer-encoding: chunked\r\n", `1\r\nab\r\n0\r\n\r\n${HIDDEN}`)],
    ["trailers that frame", post("transfer-encoding: chunked\r\n", `0\r\ncontent-length: 9\r\n\r\n`)],
    ["a request line with bare CR", `GET /carrier\rGET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n`],
    [
      "an Upgrade to cleartext HTTP/2",
      post(
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\ncontent-length: 0\r\n",
        "",
      ),
    ],
  ])("%s", async (_name, bytes) => {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    socket.on("error", () => undefined);
    // What follows a complete message is another request (RFC 9112 §9.3.2), which the proxy sends on as one.
    socket.end(Buffer.from(bytes, "latin1"));
    await new Promise((resolve) => socket.resume().once("close", resolve));
    await expectNothingSmuggled();
  });
});

const fields = (...lines: [string, string][]): RawRequest => ({ method: "POST", target: "/carrier", fields: lines });
const withContent = (lines: FieldSection, ...body: string[]): RawRequest => ({
  method: "POST",
  target: "/carrier",
  fields: lines,
  body,
});

const DOWNGRADES: readonly (readonly [string, RawRequest])[] = [
  ["CR LF in a value", fields(["x-a", `b\r\n\r\n${HIDDEN}`])],
  ["LF in a value", fields(["x-a", "b\nx-smuggled: 1"])],
  ["CR in a value", fields(["x-a", "b\rx-smuggled: 1"])],
  ["NUL in a value", fields(["x-a", "b\0x-smuggled: 1"])],
  ["CR LF in a name", fields(["x-smuggled: 1\r\nx-a", "b"])],
  ["a colon in a name", fields(["x-smuggled: 1", "b"])],
  ["a space in a name", fields(["x-smuggled ", "b"])],
  ["a space in the method", { method: "GET /smuggled HTTP/1.1\r\nx-smuggled: 1\r\nx-a: ", target: "/carrier" }],
  ["CR LF in the path", { target: `/carrier HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled` }],
  ["a space in the path", { target: "/carrier HTTP/1.1 /smuggled" }],
  ["CR LF in the authority", { target: "/carrier", authority: "localhost\r\nx-smuggled: 1" }],
  ["CR LF in the scheme", { target: "/carrier", scheme: "https\r\nx-smuggled: 1" }],
  ["transfer-encoding: chunked", withContent([["transfer-encoding", "chunked"]], `0\r\n\r\n${HIDDEN}`)],
  [
    "transfer-encoding beside a length",
    withContent(
      [
        ["content-length", String(5 + HIDDEN.length)],
        ["transfer-encoding", "chunked"],
      ],
      `0\r\n\r\n${HIDDEN}`,
    ),
  ],
  ["transfer-encoding in capitals", withContent([["Transfer-Encoding", "chunked"]], `0\r\n\r\n${HIDDEN}`)],
  ["content longer than its length", withContent([["content-length", "0"]], HIDDEN)],
  ["content shorter than its length", withContent([["content-length", "999"]], HIDDEN)],
  [
    "two lengths",
    withContent(
      [
        ["content-length", "0"],
        ["content-length", String(HIDDEN.length)],
      ],
      HIDDEN,
    ),
  ],
  ["a length that is no number", withContent([["content-length", "0\r\nx-smuggled: 1"]], HIDDEN)],
  ["content that looks like chunks", withContent([], `0\r\n\r\n${HIDDEN}`)],
  ["connection: content-length", withContent([["connection", "content-length"]], HIDDEN)],
  ["CR LF in a trailer", { ...withContent([], "abc"), trailers: [["x-a", `b\r\n\r\n${HIDDEN}`]] }],
  ["transfer-encoding in trailers", { ...withContent([], "abc"), trailers: [["transfer-encoding", "chunked"]] }],
];

describe.each([
  ["h2", openRawHttp2],
  ["h3", openRawHttp3],
] as const)("from %s to HTTP/1.1", (_version, open) => {
  test.each(DOWNGRADES)("%s", async (_name, request) => {
    const raw = await open(port);
    await raw.send(request).catch(() => undefined);
    raw.close();
    await expectNothingSmuggled();
  });
});
