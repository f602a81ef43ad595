/** Request targets: paths, queries, fragments, absolute forms, and the scheme. */

import { malformed, type Row, refused, served } from "./row.ts";

const path = (name: string, target: string, seen = target): Row => served(name, { target }, { path: seen });

const NO_ABSOLUTE = "RFC 9112 §3.2.2: only HTTP/1.1 has the absolute form; the others send the same request with :path";

const absolute = (name: string, target: string, pseudo: { path: string; authority?: string }, seen: string): Row => ({
  ...served(`absolute form (${NO_ABSOLUTE}): ${name}`, { target, ...pseudo }, { path: seen }),
});

export const TARGETS: readonly Row[] = [
  path("/", "/"),
  path("a path", "/a/b/c.html"),
  path("a trailing slash", "/a/"),
  path("a query", "/a?b=c&d=e"),
  path("an empty query", "/a?"),
  path("question marks in a query", "/a?b?c=/?"),
  path("a slash in a query", "/?next=/a/b"),
  path("percent-encoding is kept", "/%41%2F%e2%82%ac"),
  path("a broken percent-encoding", "/100%"),
  path("an encoded NUL", "/a%00b"),
  path("an encoded CR LF", "/a%0d%0ab"),
  path("dot segments, which Request.url resolves", "/a/./b/../c", "/a/c"),
  path("encoded dot segments", "/a/%2e%2E/b", "/b"),
  path("more dot segments than folders", "/../../a", "/a"),
  path("two slashes", "//a//b"),
  path("a path that looks like an authority", "//other.test/a"),
  path("semicolons, colons, at signs", "/a;b=1:c@d"),
  path("the other reserved characters of RFC 3986", "/-._~!$&'()*+,="),
  path("a vertical bar, which browsers do send", "/a|b"),
  path("quotes and brackets, which Request.url encodes", '/"<>{}', "/%22%3C%3E%7B%7D"),
  path("square brackets in a query", "/?a[]=1&b[c]=2"),
  path("30,000 characters", `/${"p".repeat(30_000)}`),
  path("a query of 30,000 characters", `/?${"q".repeat(30_000)}`),
  refused(400, "a fragment", { target: "/a#b" }),
  refused(400, "a fragment after a query", { target: "/a?b#c" }),
  refused(400, "an empty fragment", { target: "/#" }),
  refused(400, "a byte outside ASCII", { target: "/\xff" }),
  refused(400, "unencoded UTF-8", { target: "/caf\xc3\xa9" }),
  refused(400, "a byte outside ASCII in a query", { target: "/a?b=\x80" }),
  malformed("a space in a path", { target: "/a b" }),
  malformed("a tab in a path", { target: "/a\tb" }),
  malformed("a control character in a path", { target: "/a\x01b" }),
  malformed("NUL in a path", { target: "/a\0b" }),
  malformed("DEL in a path", { target: "/a\x7fb" }),
  malformed("CR in a path", { target: "/a\rb" }),
  malformed("LF in a path", { target: "/a\nb" }),
  malformed("a path without its leading slash", { target: "a/b" }),
  malformed("an empty path", { target: "" }),
  malformed("a query without a path", { target: "?a" }),
  malformed("* with a method other than OPTIONS", { target: "*" }),
  malformed("an absolute URL without slashes", { target: "https:/a" }),
  {
    ...served("OPTIONS *", { method: "OPTIONS", target: "*" }, { method: "OPTIONS", path: "/*" }),
    proxied: { status: 204, body: "", fields: [], seen: undefined },
  },
  absolute("https", "https://localhost/a?b", { path: "/a?b" }, "/a?b"),
  absolute("letter case in the scheme", "HTTPS://localhost/a", { path: "/a" }, "/a"),
  absolute("no path", "https://localhost", { path: "/" }, "/"),
  absolute("a query without a path", "https://localhost?b", { path: "/?b" }, "/?b"),
  {
    ...absolute("it overrides Host", "https://named.test/a", { path: "/a" }, "/a"),
    request: {
      authority: "named.test",
      target: "/a",
      http1: "GET https://named.test/a HTTP/1.1\nHost: localhost\n\n",
    },
    expect: { status: 200, seen: { authority: "named.test", path: "/a" } },
  },
  refused(400, "absolute form: a fragment", { target: "https://localhost/#a", path: "/#a" }),
  malformed("absolute form: userinfo", { target: "https://u@localhost/", path: "/", authority: "u@localhost" }),
  {
    ...refused(400, "absolute form: no host", { target: "https:///a", path: "/a", authority: "" }),
    differs: {
      because: "RFC 9113 §8.1.1, RFC 9114 §4.3.1: an empty :authority is malformed",
      h2: { status: undefined, cut: "malformed", seen: undefined },
      h3: { status: undefined, cut: "malformed", seen: undefined },
    },
  },
  refused(400, "a scheme other than http and https", { target: "ftp://localhost/a", path: "/a", scheme: "ftp" }),
  served(
    "http, although the connection uses TLS",
    { target: "http://localhost/a", path: "/a", scheme: "http" },
    { path: "/a" },
  ),
];
