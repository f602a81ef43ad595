/** Host and :authority. */

import { malformed, type Row, refused, served } from "./row.ts";

const authority = (name: string, value: string, seen: string = value): Row =>
  served(`authority: ${name}`, { authority: value }, { authority: seen });

const invalid = (name: string, value: string): Row => refused(400, `authority: ${name}`, { authority: value });
const broken = (name: string, value: string): Row => malformed(`authority: ${name}`, { authority: value });

const TWO_HOSTS =
  "RFC 9112 §3.2: two Host lines are a 400; RFC 9113 §8.3.1, RFC 9114 §4.3.1: host may accompany :authority";

export const AUTHORITIES: readonly Row[] = [
  authority("a name", "localhost"),
  authority("a port", "localhost:8443"),
  authority("an empty port", "localhost:"),
  authority("port 65535", "localhost:65535"),
  authority("capitals", "LocalHost"),
  authority("an underscore", "a_b.test"),
  authority("a dot at the end", "localhost."),
  authority("percent-encoding", "a%41.test"),
  authority("an IPv4 address", "127.0.0.1"),
  authority("an IPv6 address", "[::1]"),
  authority("an IPv6 address and a port", "[2001:db8::1]:443"),
  authority("250 characters", `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.test`),
  invalid("port 65536", "localhost:65536"),
  invalid("a port that is not a number", "localhost:https"),
  invalid("two ports", "localhost:1:2"),
  broken("userinfo", "user:secret@localhost"),
  invalid("a single bracket", "a[b"),
  invalid("only a port", ":443"),
  broken("empty", ""),
  broken("a space", "local host"),
  broken("a slash", "localhost/a"),
  broken("a question mark", "localhost?a"),
  broken("a fragment", "localhost#a"),
  broken("a backslash", "a\\b"),
  broken("a byte outside ASCII", "caf\xe9.test"),
  broken("a control character", "a\x01b"),
  malformed("no authority at all", { authority: null }),
  malformed("two hosts and no :authority", {
    authority: null,
    fields: [
      ["host", "localhost"],
      ["host", "localhost"],
    ],
  }),
  served(
    "host instead of :authority",
    { authority: null, fields: [["host", "localhost"]] },
    { authority: "localhost", fields: [] },
  ),
  {
    ...served(
      "host and :authority that differ in case",
      { fields: [["host", "LOCALHOST"]] },
      { authority: "localhost", fields: [] },
    ),
    differs: { because: TWO_HOSTS, "http/1.1": { status: 400, seen: undefined } },
  },
  refused(400, "host and :authority that differ", { fields: [["host", "other.test"]] }),
  {
    ...malformed("three hosts", {
      fields: [
        ["host", "localhost"],
        ["host", "localhost"],
      ],
    }),
  },
];
