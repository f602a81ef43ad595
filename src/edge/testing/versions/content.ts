/** Request content: lengths, framing, trailers, and 100 (Continue). */

import type { FieldSection } from "../../../http/index.ts";
import { malformed, type Row, served } from "./row.ts";

const CHUNKED = {
  names: ["transfer-encoding"],
  because: "RFC 9112 §6.1, §7.1: content without a length is chunked; RFC 9113 §8.2.2, RFC 9114 §4.2: no such field",
} as const;
const CUT = { status: undefined, cut: "malformed", seen: undefined } as const;
const CONNECTION = "RFC 9113 §8.2.2, RFC 9114 §4.2: transfer-encoding makes a request malformed";
const BAD_TRAILERS = "RFC 9113 §8.1, RFC 9114 §4.1.2: malformed trailers are an error of the stream";

const posted = (name: string, fields: FieldSection, body: readonly string[]): Row =>
  served(name, { method: "POST", fields, body }, { fields, body: body.join("") }, { body: `echo ${body.join("")}` });

const lengths = (name: string, ...values: readonly string[]): Row =>
  malformed(`content-length: ${name}`, {
    method: "POST",
    fields: values.map((value) => ["content-length", value] as const),
    body: ["abc"],
  });

const coded = (status: number, name: string, value: string, body = ["abc"]): Row => ({
  name: `transfer-encoding: ${name}`,
  request: { method: "POST", fields: [["transfer-encoding", value]], body },
  expect: { status, body: "", seen: undefined },
  differs: { because: CONNECTION, h2: CUT, h3: CUT },
});

const chunked = (row: Row): Row => ({ ...row, http1Only: CHUNKED });

export const CONTENT: readonly Row[] = [
  posted("content with its length", [["content-length", "3"]], ["abc"]),
  posted("content in two pieces, with its length", [["content-length", "6"]], ["abc", "def"]),
  posted("no content, with a length of 0", [["content-length", "0"]], []),
  {
    ...posted("a length with a leading zero", [["content-length", "03"]], ["abc"]),
    proxied: { seen: { fields: [["content-length", "3"]] } },
  },
  posted("bytes that are not text", [["content-length", "4"]], ["\0\xff\r\n"]),
  posted(
    "60,000 bytes",
    [["content-length", "60000"]],
    ["b".repeat(15_000), "b".repeat(15_000), "b".repeat(15_000), "b".repeat(15_000)],
  ),
  {
    ...served(
      "POST without content and without a length",
      { method: "POST" },
      { body: "", fields: [] },
      { body: "echo " },
    ),
    proxied: { seen: { body: "" } },
  },
  served(
    "DELETE with content",
    { method: "DELETE", fields: [["content-length", "3"]], body: ["abc"] },
    { body: "abc" },
  ),
  served(
    "OPTIONS with content",
    { method: "OPTIONS", fields: [["content-length", "3"]], body: ["abc"] },
    { body: "abc" },
  ),
  served("QUERY with content", { method: "QUERY", fields: [["content-length", "3"]], body: ["abc"] }, { body: "abc" }),
  served(
    "GET with content, which a Request does not have",
    { fields: [["content-length", "3"]], body: ["abc"] },
    {},
    { body: "echo " },
  ),
  served("HEAD with content", { method: "HEAD", fields: [["content-length", "3"]], body: ["abc"] }, {}, { body: "" }),
  chunked(posted("content without a length", [], ["abc", "def"])),
  chunked(posted("one byte at a time", [], [..."abcdefgh"])),
  chunked({
    ...served(
      "trailers",
      {
        method: "POST",
        body: ["abc"],
        trailers: [
          ["x-sum", "3"],
          ["x-two", ""],
        ],
      },
      {
        body: "abc",
        trailers: [
          ["x-sum", "3"],
          ["x-two", ""],
        ],
      },
    ),
  }),
  chunked({
    ...served(
      "trailers without content",
      { method: "POST", trailers: [["x-sum", "0"]] },
      { body: "", trailers: [["x-sum", "0"]] },
    ),
    proxied: { seen: { body: "", trailers: [] } },
  }),
  {
    name: "content-length in trailers",
    request: { method: "POST", body: ["abc"], trailers: [["content-length", "3"]] },
    expect: { status: 400, body: "", seen: {} },
    differs: { because: BAD_TRAILERS, h2: { ...CUT, seen: {} }, h3: { ...CUT, seen: {} } },
    proxied: false,
  },
  {
    name: "a pseudo-header in trailers",
    request: { method: "POST", body: ["abc"], trailers: [[":path", "/"]] },
    expect: { status: 400, body: "", seen: {} },
    differs: { because: BAD_TRAILERS, h2: { ...CUT, seen: {} }, h3: { ...CUT, seen: {} } },
    proxied: false,
  },
  lengths("not a number", "three"),
  lengths("a sign", "+3"),
  lengths("negative", "-3"),
  lengths("hexadecimal", "0x3"),
  lengths("a fraction", "3.0"),
  lengths("empty", ""),
  lengths("a list of equal lengths", "3, 3"),
  lengths("repeated", "3", "3"),
  lengths("two different lengths", "3", "4"),
  lengths("beyond 64 bits", "99999999999999999999"),
  {
    ...malformed("less content than announced", { method: "POST", fields: [["content-length", "9"]], body: ["abc"] }),
    differs: {
      because: "RFC 9112 §6.3: HTTP/1.1 waits for the rest; RFC 9113 §8.1.1, RFC 9114 §4.1.2: malformed",
      h2: { ...CUT, seen: {} },
      h3: { ...CUT, seen: {} },
    },
    request: {
      method: "POST",
      fields: [["content-length", "9"]],
      body: ["abc"],
      http1: "POST / HTTP/1.1\nHost: localhost\nContent-Length: nine\n\nabc",
    },
    proxied: false,
  },
  coded(501, "gzip, chunked", "gzip, chunked"),
  coded(501, "deflate, chunked", "deflate, chunked"),
  coded(501, "identity, chunked", "identity, chunked"),
  coded(501, "an unknown coding", "x-own, chunked"),
  {
    ...coded(400, "together with content-length (RFC 9112 §6.3)", "chunked"),
    request: {
      method: "POST",
      fields: [
        ["transfer-encoding", "chunked"],
        ["content-length", "3"],
      ],
      body: ["abc"],
    },
  },
  {
    ...posted(
      "a client that waits for 100 (Continue)",
      [
        ["expect", "100-continue"],
        ["content-length", "3"],
      ],
      ["abc"],
    ),
    expect: { status: 200, informational: [100], body: "echo abc", seen: { body: "abc" } },
  },
  {
    ...posted(
      "Expect in capitals",
      [
        ["expect", "100-Continue"],
        ["content-length", "3"],
      ],
      ["abc"],
    ),
    expect: { status: 200, informational: [100], body: "echo abc", seen: { body: "abc" } },
  },
  {
    ...served(
      "an unknown expectation (RFC 9110 §10.1.1)",
      {
        method: "POST",
        fields: [
          ["expect", "more"],
          ["content-length", "3"],
        ],
        body: ["abc"],
      },
      { body: "abc" },
      { informational: [] },
    ),
  },
  served(
    "100 (Continue) is not sent without content",
    { fields: [["expect", "100-continue"]] },
    {},
    { informational: [] },
  ),
];
