/** Malformed messages (RFC 9114 §4.1.2, §4.2, §4.3): each ends its stream with H3_MESSAGE_ERROR and nothing else. */

import { describe, expect, test } from "vitest";
import type { FieldSection } from "../http/field-section.ts";
import { concat } from "../wire/text.ts";
import { H3_ERRORS, InvalidMessageError } from "./errors.ts";
import { parseRequestHead, parseResponseHead } from "./message.ts";
import { H3Pair, readAll } from "./testing/pair.ts";
import { data, headers, RawPeer, REQUEST, RESPONSE } from "./testing/raw-peer.ts";

const MESSAGE_ERROR = H3_ERRORS.H3_MESSAGE_ERROR.code;

type Line = readonly [string, string];
const without = (name: string): FieldSection => REQUEST.filter((line) => line[0] !== name);
const withLine = (...line: Line): FieldSection => [...REQUEST, line];
const replaced = (name: string, value: string): FieldSection =>
  REQUEST.map((line): Line => (line[0] === name ? [name, value] : line));

const MALFORMED_REQUESTS: readonly (readonly [string, FieldSection])[] = [
  ["no :method", without(":method")],
  ["no :scheme", without(":scheme")],
  ["no :path", without(":path")],
  ["neither :authority nor host", without(":authority")],
  ["no lines", []],
  ...REQUEST.map((line): readonly [string, FieldSection] => [`${line[0]} twice`, [line, ...REQUEST]]),
  ["an undefined pseudo-header", [[":color", "red"], ...REQUEST]],
  [":protocol, which was not offered", [[":protocol", "websocket"], ...REQUEST]],
  [":status", [[":status", "200"], ...REQUEST]],
  ["a pseudo-header after a field", [...without(":path"), ["accept", "*/*"], [":path", "/"]]],
  ["an empty :path", replaced(":path", "")],
  ["a :path without a slash", replaced(":path", "index.html")],
  ["a :path with a space", replaced(":path", "/a b")],
  ["a :path with a line break", replaced(":path", "/a\r\nhost: evil")],
  ["* with another method than OPTIONS", replaced(":path", "*")],
  ["an empty :method", replaced(":method", "")],
  ["a :method that is not a token", replaced(":method", "GET /")],
  ["an empty :scheme", replaced(":scheme", "")],
  ["an invalid :scheme", replaced(":scheme", "https:")],
  ["an empty :authority", replaced(":authority", "")],
  ["an :authority with userinfo", replaced(":authority", "user@example.com")],
  ["an :authority with a path", replaced(":authority", "example.com/a")],
  ["a repeated host", [...withLine("host", "example.com"), ["host", "example.com"]]],
  ["an empty host without :authority", [...without(":authority"), ["host", ""]]],
  ["CONNECT with :path", replaced(":method", "CONNECT")],
  [
    "CONNECT with :scheme",
    [
      [":method", "CONNECT"],
      [":scheme", "https"],
      [":authority", "example.com:443"],
    ],
  ],
  ["CONNECT without :authority", [[":method", "CONNECT"]]],
  ["an empty content-length", withLine("content-length", "")],
];

/** Well-formed requests that must not be served. */
const REFUSED_REQUESTS: readonly (readonly [string, FieldSection])[] = [
  ["an :authority with an invalid port", replaced(":authority", "example.com:65536")],
  ["a host that differs from :authority", withLine("host", "other.example")],
  ["a :path with a fragment", replaced(":path", "/a#b")],
  ["a :path with a byte outside ASCII", replaced(":path", "/\xff")],
  [
    "CONNECT without port",
    [
      [":method", "CONNECT"],
      [":authority", "example.com"],
    ],
  ],
];

/** Lines that no field section may contain. */
const FORBIDDEN_LINES: readonly Line[] = [
  ["Accept", "*/*"],
  ["", "empty"],
  ["a b", "1"],
  ["a:b", "1"],
  ["a\u00e9", "1"],
  ["a\0", "1"],
  ["connection", "close"],
  ["keep-alive", "timeout=5"],
  ["proxy-connection", "close"],
  ["transfer-encoding", "chunked"],
  ["upgrade", "h2c"],
  ["te", "gzip"],
  ["te", "trailers, gzip"],
  ["x", "a\rb"],
  ["x", "a\nb"],
  ["x", "a\0b"],
  ["x", "a\u007fb"],
  ["x", "a\u0001"],
  ["x", " a"],
  ["x", "a "],
  ["x", "\ta"],
  ["x", "a\t"],
  ["x", " "],
];

describe("malformed requests", () => {
  test.each([
    ...MALFORMED_REQUESTS,
    ...FORBIDDEN_LINES.map((line): readonly [string, FieldSection] => [JSON.stringify(line), withLine(...line)]),
  ])("%s", (_, fields) => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    peer.send(id, headers(fields), true);
    expect(peer.victim.transport.resets.get(id)).toBe(MESSAGE_ERROR);
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.of("request")).toEqual([]);
    expect(peer.victim.connection.openRequests).toBe(0);
    // The connection continues.
    peer.send(peer.openRequest(), headers(REQUEST), true);
    expect(peer.victim.of("request")).toHaveLength(1);
  });

  test.each(REFUSED_REQUESTS)("%s is answered with 400", (_, fields) => {
    const peer = new RawPeer("server", { date: () => "now" });
    const id = peer.openRequest();
    peer.send(id, headers(fields), false);
    const answer = headers([
      [":status", "400"],
      ["content-length", "0"],
      ["date", "now"],
    ]);
    expect(peer.victim.transport.writes.filter((write) => write.id === id)).toEqual([{ id, bytes: answer, fin: true }]);
    expect(peer.victim.transport.stops.get(id)).toBe(H3_ERRORS.H3_NO_ERROR.code);
    expect(peer.victim.of("request")).toEqual([]);
    expect(peer.victim.connection.openRequests).toBe(0);
  });

  test("our client refuses to send them", () => {
    const { connection } = new H3Pair().run().client;
    const request = { method: "GET", scheme: "https", authority: "example.com", path: "/", fields: [] };
    for (const line of FORBIDDEN_LINES) {
      expect(() => connection.request({ ...request, fields: [line] }, true)).toThrow(InvalidMessageError);
    }
    expect(() => connection.request({ ...request, path: "" }, true)).toThrow(InvalidMessageError);
    expect(() => connection.request({ ...request, path: "/#a" }, true)).toThrow(InvalidMessageError);
    expect(() => connection.request({ ...request, fields: [[":path", "/"]] }, true)).toThrow(InvalidMessageError);
    expect(connection.openRequests).toBe(0);
  });
});

describe("malformed responses", () => {
  test.each<readonly [string, FieldSection]>([
    ["no :status", []],
    [":status twice", [...RESPONSE, ...RESPONSE]],
    ["a :status with two digits", [[":status", "20"]]],
    ["a :status with four digits", [[":status", "2000"]]],
    ["a :status that is not a number", [[":status", "2x0"]]],
    ["a :status that starts with zero", [[":status", "099"]]],
    ["status 101", [[":status", "101"]]],
    ["a request's pseudo-header", [...RESPONSE, [":path", "/"]]],
    [":status after a field", [["server", "x"], ...RESPONSE]],
    ["a content-length that is not a number", [...RESPONSE, ["content-length", "+5"]]],
    ["conflicting content-lengths", [...RESPONSE, ["content-length", "5"], ["content-length", "6"]]],
    ["a content-length above 2^53-1", [...RESPONSE, ["content-length", "9007199254740992"]]],
    ...FORBIDDEN_LINES.map((line): readonly [string, FieldSection] => [JSON.stringify(line), [...RESPONSE, line]]),
  ])("%s", (_, fields) => {
    const peer = new RawPeer("client");
    const id = peer.openRequest();
    peer.send(id, headers(fields));
    expect(peer.victim.transport.stops.get(id)).toBe(MESSAGE_ERROR);
    expect(peer.victim.of("reset")).toMatchObject([{ id, code: MESSAGE_ERROR, by: "local", retryable: false }]);
    expect(peer.victim.of("response")).toEqual([]);
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.connection.openRequests).toBe(0);
  });

  test("an end before the final response", () => {
    for (const interim of [[], [headers([[":status", "103"]])]]) {
      const peer = new RawPeer("client");
      const id = peer.openRequest();
      peer.send(id, concat(...interim), true);
      expect(peer.victim.of("reset")).toMatchObject([{ id, code: MESSAGE_ERROR }]);
    }
  });

  test("DATA after an interim response", () => {
    const peer = new RawPeer("client");
    peer.send(peer.openRequest(), concat(headers([[":status", "103"]]), data(1)));
    expect(peer.closeCode).toBe(H3_ERRORS.H3_FRAME_UNEXPECTED.code);
  });

  test("our server refuses to send them", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(
      { method: "GET", scheme: "https", authority: "a", path: "/", fields: [] },
      true,
    )!;
    const { connection } = pair.run().server;
    for (const line of FORBIDDEN_LINES.filter(([name]) => name !== "te")) {
      expect(() => connection.respond(id, 200, [line], true)).toThrow(InvalidMessageError);
      expect(() => connection.inform(id, 103, [line])).toThrow(InvalidMessageError);
      expect(() => connection.sendTrailers(id, [line])).toThrow(InvalidMessageError);
    }
    for (const status of [101, 20, 1000, 200.5, Number.NaN]) {
      expect(() => connection.respond(id, status, [], true)).toThrow(InvalidMessageError);
      expect(() => connection.inform(id, status, [])).toThrow(InvalidMessageError);
    }
    expect(() => connection.respond(id, 103, [], true)).toThrow(InvalidMessageError);
    expect(() => connection.inform(id, 200, [])).toThrow(InvalidMessageError);
    connection.respond(id, 200, [], true);
    pair.run();
    expect(pair.client.of("response")).toHaveLength(1);
  });
});

describe("malformed trailers", () => {
  const lines: readonly Line[] = [
    ...FORBIDDEN_LINES,
    ["content-length", "1"],
    [":status", "200"],
    [":path", "/"],
    [":color", "red"],
  ];
  test.each(lines)("%j: %j", (name, value) => {
    for (const role of ["server", "client"] as const) {
      const peer = new RawPeer(role);
      const id = peer.openRequest();
      peer.send(id, concat(headers(peer.head), headers([[name, value]])), true);
      expect(peer.victim.of("reset")).toMatchObject([{ id, code: MESSAGE_ERROR }]);
      expect(peer.victim.of("trailers")).toEqual([]);
      expect(peer.closeCode).toBeUndefined();
    }
  });
});

describe("content-length and content (RFC 9114 §4.1.2)", () => {
  const cases: readonly (readonly [string, string, readonly number[], boolean])[] = [
    ["as announced", "5", [5], true],
    ["in pieces", "5", [2, 0, 3], true],
    ["no content, as announced", "0", [], true],
    ["an empty frame for no content", "0", [0], true],
    ["too little", "5", [4], false],
    ["no content", "5", [], false],
    ["too much", "5", [6], false],
    ["too much in pieces", "5", [5, 1], false],
    ["content instead of none", "0", [1], false],
  ];
  test.each(cases)("%s: %s for %j", (_, length, frames, wellFormed) => {
    for (const role of ["server", "client"] as const) {
      for (const trailers of [false, true]) {
        const peer = new RawPeer(role);
        const id = peer.openRequest();
        const message = [headers([...peer.head, ["content-length", length]]), ...frames.map(data)];
        if (trailers) message.push(headers([["a", "b"]]));
        peer.send(id, concat(...message), true);
        readAll(peer.victim, id);
        expect(peer.victim.of("finished")).toHaveLength(wellFormed ? 1 : 0);
        expect(peer.victim.of("reset").map(({ code }) => code)).toEqual(
          wellFormed || (role === "server" && peer.victim.of("request").length === 0) ? [] : [MESSAGE_ERROR],
        );
        expect(peer.closeCode).toBeUndefined();
      }
    }
  });

  test.each([
    ["HEAD", "200", [], true],
    ["HEAD", "200", [5], false],
    ["GET", "304", [], true],
    ["GET", "304", [5], false],
    ["GET", "204", [], true],
    ["GET", "204", [1], false],
    ["GET", "205", [], false],
    ["CONNECT", "200", [3, 100], true],
  ] as const)("%s %s announcing 5 and followed by %j", (method, status, frames, wellFormed) => {
    const peer = new RawPeer("client");
    const id = peer.openRequest(method);
    peer.send(
      id,
      concat(
        headers([
          [":status", status],
          ["content-length", "5"],
        ]),
        ...frames.map(data),
      ),
      true,
    );
    readAll(peer.victim, id);
    expect(peer.victim.of("finished")).toHaveLength(wellFormed ? 1 : 0);
    expect(peer.victim.of("reset")).toHaveLength(wellFormed ? 0 : 1);
  });
});

describe("well-formed heads", () => {
  test("cookie lines are joined (RFC 9114 §4.2.1)", () => {
    const head = parseRequestHead([
      ...REQUEST,
      ["cookie", "a=1"],
      ["accept", "*/*"],
      ["cookie", "b=2"],
      ["cookie", "c=3"],
    ]);
    expect(head.fields).toEqual([
      ["cookie", "a=1; b=2; c=3"],
      ["accept", "*/*"],
    ]);
  });

  test("host may replace or repeat :authority", () => {
    expect(parseRequestHead([...without(":authority"), ["host", "example.com"]]).authority).toBe("example.com");
    expect(parseRequestHead(withLine("host", "EXAMPLE.com")).authority).toBe("example.com");
  });

  test("CONNECT, OPTIONS *, other schemes, IPv6", () => {
    expect(
      parseRequestHead([
        [":method", "CONNECT"],
        [":authority", "[::1]:443"],
      ]),
    ).toMatchObject({
      method: "CONNECT",
      authority: "[::1]:443",
      scheme: undefined,
      path: undefined,
    });
    expect(parseRequestHead([[":method", "OPTIONS"], ...replaced(":path", "*").slice(1)]).path).toBe("*");
    expect(
      parseRequestHead([
        [":method", "GET"],
        [":scheme", "coap"],
        [":path", ""],
      ]),
    ).toMatchObject({ scheme: "coap", authority: undefined, path: "" });
  });

  test("content-length, te: trailers, obs-text, an empty value; in a response, a repeated identical length", () => {
    const fields: FieldSection = [
      ["content-length", "5"],
      ["te", "trailers"],
      ["x", "caf\u00e9 \t au lait"],
      ["empty", ""],
    ];
    expect(parseRequestHead([...REQUEST, ...fields])).toMatchObject({ fields, contentLength: 5 });
    const lengths: FieldSection = fields.slice(0, 1);
    expect(() => parseRequestHead([...REQUEST, ...lengths, ...lengths])).toThrow("repeated");
    expect(parseResponseHead([...RESPONSE, ...lengths, ...lengths]).contentLength).toBe(5);
    expect(parseResponseHead([[":status", "599"]])).toEqual({ status: 599, fields: [], contentLength: undefined });
  });
});

describe("extended CONNECT (RFC 8441 §4, RFC 9220)", () => {
  const CONNECT: FieldSection = [...replaced(":method", "CONNECT"), [":protocol", "websocket"]];
  const request = { method: "CONNECT", scheme: "https", authority: "example.com", path: "/chat", fields: [] };

  test("is a request with all pseudo-headers once the server has enabled it", () => {
    const pair = new H3Pair({ server: { enableConnectProtocol: true } }).run();
    const id = pair.client.connection.request({ ...request, protocol: "websocket" }, false)!;
    pair.run();
    expect(pair.server.of("request")).toMatchObject([
      { head: { method: "CONNECT", scheme: "https", authority: "example.com", path: "/chat", protocol: "websocket" } },
    ]);
    pair.server.connection.respond(id, 200, [], false);
    pair.client.connection.writeData(id, new Uint8Array(3), true);
    pair.run();
    expect(readAll(pair.server, id)).toEqual(new Uint8Array(3));
  });

  test("cannot be sent before that", () => {
    const pair = new H3Pair({ server: { enableConnectProtocol: true } });
    const send = () => pair.client.connection.request({ ...request, protocol: "websocket" }, false);
    pair.client.turn();
    expect(send).toThrow(InvalidMessageError);
    pair.run();
    expect(send()).toBeDefined();
    const without = new H3Pair().run();
    expect(() => without.client.connection.request({ ...request, protocol: "websocket" }, false)).toThrow(
      InvalidMessageError,
    );
  });

  test.each<readonly [string, FieldSection]>([
    ["another method", [...REQUEST, [":protocol", "websocket"]]],
    ["no :path", CONNECT.filter(([name]) => name !== ":path")],
    ["no :scheme", CONNECT.filter(([name]) => name !== ":scheme")],
    ["no :authority", [...CONNECT.filter(([name]) => name !== ":authority"), ["host", "example.com"]]],
    ["a :protocol that is not a token", [...CONNECT.slice(0, -1), [":protocol", "web socket"]]],
    [":protocol twice", [...CONNECT, [":protocol", "websocket"]]],
  ])("with %s is malformed", (_, fields) => {
    expect(() => parseRequestHead(fields, true)).toThrow();
    const peer = new RawPeer("server", { enableConnectProtocol: true });
    const id = peer.openRequest();
    peer.send(id, headers(fields));
    expect(peer.victim.transport.resets.get(id)).toBe(MESSAGE_ERROR);
    expect(peer.closeCode).toBeUndefined();
  });

  test("is malformed if it was not enabled", () => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    peer.send(id, headers(CONNECT));
    expect(peer.victim.transport.resets.get(id)).toBe(MESSAGE_ERROR);
  });
});
