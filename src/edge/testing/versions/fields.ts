/** Field lines of requests: names, values, repetition, cookies, connection-specific fields, counts and sizes. */

import type { FieldSection } from "../../../http/index.ts";
import { dropped, malformed, type Row, refused, served } from "./row.ts";

const same = (name: string, fields: FieldSection): Row => served(name, { fields }, { fields });
const lines = (count: number, value: string): FieldSection =>
  Array.from({ length: count }, (_, index) => [`x-${String(index).padStart(5, "0")}`, value] as const);

const CONNECTION = "RFC 9113 §8.2.2, RFC 9114 §4.2: fields of an HTTP/1.1 connection make a request malformed";
const CUT = { status: undefined, cut: "malformed", seen: undefined } as const;

const http1Field = (name: string, fields: FieldSection): Row => ({
  ...same(`${name}, which only HTTP/1.1 has`, fields),
  differs: { because: CONNECTION, h2: CUT, h3: CUT },
});

/** Fields for a request for "/" with a head of this size (RFC 9113 §6.5.2). */
const sized = (size: number): FieldSection => {
  const pseudo = ":method".length + "GET".length + ":scheme".length + "https".length + ":authority".length;
  const fixed = pseudo + "localhost".length + ":path".length + "/".length + 4 * 32;
  const most = 20_000;
  const fields: [string, string][] = [];
  for (let left = size - fixed; left > 0; left -= most) {
    const length = Math.min(most, left - 32 - 3 < most && left > most ? left - 100 : left);
    fields.push([`x-${fields.length}`, "v".repeat(Math.min(length, most) - 32 - 3)]);
  }
  return fields;
};

const TOO_LONG_FOR_NODE = {
  because: "node:http2 closes the connection on a line of more than 64 KiB (RFC 9113 §10.5.1 lets a server answer 431)",
  h2: { status: undefined, cut: "closed", seen: undefined },
} as const;

export const FIELDS: readonly Row[] = [
  same("a field", [["x-a", "b"]]),
  same("an empty value", [["x-a", ""]]),
  same("a comma in a value", [["x-a", "b, c"]]),
  same("a tab in a value", [["x-a", "b\tc"]]),
  same("spaces in a value", [["x-a", "b  c"]]),
  same("quotes in a value", [["x-a", 'b="c;d", e']]),
  same("obs-text in a value", [["x-a", "caf\xe9 \x80\xff"]]),
  same("every special character allowed in a name", [["!#$%&'*+-.^_`|~09az", "b"]]),
  same("a name of 200 letters", [["n".repeat(200), "b"]]),
  same("a value of 30,000 letters", [["x-a", "v".repeat(30_000)]]),
  same("a repeated name, with the order kept", [
    ["x-a", "1"],
    ["x-b", "2"],
    ["x-a", "3"],
  ]),
  same("the same line twice", [
    ["x-a", "1"],
    ["x-a", "1"],
  ]),
  same("accept-language twice", [
    ["accept-language", "en"],
    ["accept-language", "ja"],
  ]),
  same("user-agent and referer", [
    ["user-agent", "test/1.0 (like nothing)"],
    ["referer", "https://localhost/a#b"],
  ]),
  same("names of object members", [
    ["constructor", "1"],
    ["__proto__", "2"],
    ["tostring", "3"],
  ]),
  { ...same("authorization", [["authorization", "Basic YTpi"]]) },
  same("a range on a handler", [["range", "bytes=0-1"]]),
  same("priority", [["priority", "u=1, i"]]),
  same("one cookie", [["cookie", "a=1; b=2"]]),
  {
    ...served(
      "cookies in crumbs are one line (RFC 9113 §8.2.3, RFC 9114 §4.2.1)",
      {
        fields: [
          ["cookie", "a=1"],
          ["x-a", "b"],
          ["cookie", "b=2"],
          ["cookie", "c=3"],
        ],
      },
      {
        fields: [
          ["cookie", "a=1; b=2; c=3"],
          ["x-a", "b"],
        ],
      },
    ),
    proxied: { seen: {} },
  },
  served(
    "300 crumbs of cookies",
    { fields: Array.from({ length: 300 }, (_, index) => ["cookie", `c${index}=v`] as const) },
    { fields: [["cookie", Array.from({ length: 300 }, (_, index) => `c${index}=v`).join("; ")]] },
  ),
  served(
    "an empty crumb",
    {
      fields: [
        ["cookie", ""],
        ["cookie", "a=1"],
      ],
    },
    { fields: [["cookie", "; a=1"]] },
  ),
  { ...same("te: trailers", [["te", "trailers"]]), proxied: { seen: { fields: [] } } },
  { ...http1Field("te with a coding", [["te", "gzip"]]), proxied: { seen: { fields: [] } } },
  { ...http1Field("connection: close", [["connection", "close"]]), proxied: { seen: { fields: [] } } },
  {
    ...http1Field("connection that names a field", [
      ["connection", "x-hop"],
      ["x-hop", "1"],
    ]),
    proxied: { seen: { fields: [] } },
  },
  { ...http1Field("keep-alive", [["keep-alive", "timeout=5"]]), proxied: { seen: { fields: [] } } },
  { ...http1Field("proxy-connection", [["proxy-connection", "close"]]), proxied: { seen: { fields: [] } } },
  {
    ...http1Field("upgrade without connection", [["upgrade", "websocket"]]),
    proxied: { seen: { fields: [] } },
  },
  {
    ...served("capitals in a name", { fields: [["X-Capital", "Value"]] }, { fields: [["x-capital", "Value"]] }),
    differs: { because: "RFC 9113 §8.2.1, RFC 9114 §4.2: names have no capitals there", h2: CUT, h3: CUT },
  },
  {
    ...served("space around a value", { fields: [["x-a", "  b\t "]] }, { fields: [["x-a", "b"]] }),
    differs: { because: "RFC 9112 §5.1: it is HTTP/1.1's syntax; RFC 9114 §4.2, RFC 9113 §8.2.1: malformed", h3: CUT },
    deviates: {
      because: "node:http2 drops the line (RFC 9113 §8.2.1 calls the request malformed)",
      h2: { seen: { fields: [] } },
    },
  },
  dropped("a value of only whitespace", { fields: [["x-a", "\x0b"]] }),
  dropped("a control character in a value", { fields: [["x-a", "b\x01c"]] }),
  dropped("NUL in a value", { fields: [["x-a", "b\0c"]] }),
  dropped("DEL in a value", { fields: [["x-a", "b\x7fc"]] }),
  dropped("CR in a value", { fields: [["x-a", "b\rc"]] }),
  dropped("LF in a value, which HTTP/1.1 treats as a new line", { fields: [["x-a", "b\nc d: e"]] }),
  dropped("a folded line (obs-fold, RFC 9112 §5.2)", { fields: [["x-a", "b\r\n c"]] }),
  dropped("a space in a name", { fields: [["x a", "b"]] }),
  dropped("a space after a name", { fields: [["x-a ", "b"]] }),
  dropped("a character not allowed in a name", { fields: [["x(a", "b"]] }),
  dropped("a byte outside ASCII in a name", { fields: [["x-\xe9", "b"]] }),
  dropped("an empty name", { fields: [["", "b"]] }),
  malformed("an undefined pseudo-header", { fields: [[":color", "red"]] }),
  same("300 lines", lines(300, "v")),
  same("1,500 lines", lines(1_500, "v")),
  same("a head of 65,536 bytes", sized(65_536)),
  refused(431, "a head of 65,537 bytes", { fields: sized(65_537) }),
  refused(431, "a head of 100,000 bytes in a hundred lines", { fields: lines(100, "v".repeat(1_000)) }),
  refused(431, "2,500 lines", { fields: lines(2_500, "v") }),
  refused(431, "a target of 65,500 characters", { target: `/${"p".repeat(65_499)}` }),
  {
    ...refused(431, "a value of 70,000 letters", { fields: [["x-a", "v".repeat(70_000)]] }),
    deviates: TOO_LONG_FOR_NODE,
  },
  {
    ...refused(431, "a target of 70,000 characters", { target: `/${"p".repeat(70_000)}` }),
    deviates: TOO_LONG_FOR_NODE,
  },
];
