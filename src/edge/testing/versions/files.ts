/** Files: conditions, ranges, precompressed copies, redirects, invalid paths, single-page applications, listings. */

import type { FieldSection } from "../../../http/index.ts";
import type { Expected, Row } from "./row.ts";
import { MODIFIED, PAGE } from "./services.ts";

const file = (name: string, target: string, expect: Expected, fields: FieldSection = [], method = "GET"): Row => ({
  name: `files: ${name}`,
  service: "files",
  request: { method, target, fields },
  expect: { status: 200, ...expect },
  proxied: false,
});

const inside = (service: "application" | "listing", name: string, target: string, expect: Expected): Row => ({
  ...file(name, target, expect),
  name: `${service}: ${name}`,
  service,
});

const date = MODIFIED.toUTCString();
const DIGITS = "0123456789";

export const FILES: readonly Row[] = [
  file("the page of a folder", "/", { body: PAGE, fields: [["content-length", String(PAGE.length)]] }),
  file("a file", "/data.txt", {
    body: DIGITS,
    fields: [
      ["last-modified", date],
      ["accept-ranges", "bytes"],
    ],
  }),
  file("an empty file", "/empty.txt", { body: "", fields: [["content-length", "0"]] }),
  file("HEAD", "/data.txt", { body: "", fields: [["content-length", "10"]] }, [], "HEAD"),
  file("a query is ignored", "/data.txt?a=b", { body: DIGITS }),
  file("an encoded name", "/a%20b.txt", { body: "space" }),
  file("an encoded letter", "/d%61ta.txt", { body: DIGITS }),
  file("a page without its suffix", "/page", { body: PAGE }),
  file("a folder without its slash", "/folder", { status: 301, fields: [["location", "/folder/"]] }),
  file("a folder without its slash, with a query", "/folder?a", { status: 301, fields: [["location", "/folder/?a"]] }),
  file("a folder that has no page", "/bare/", { status: 404 }),
  file("no file", "/none.txt", { status: 404 }),
  file("a hidden file", "/.hidden", { status: 404 }),
  file("outside the folder", "/../data.txt", { status: 404 }),
  file("outside the folder, encoded", "/%2e%2e/data.txt", { status: 404 }),
  file("an encoded slash", "/folder%2findex.html", { status: 404 }),
  file("an encoded NUL", "/data.txt%00", { status: 400 }),
  file("a broken percent-encoding", "/%zz", { status: 400 }),
  file("POST", "/data.txt", { status: 405, fields: [["allow", "GET, HEAD, OPTIONS"]] }, [], "POST"),
  file("OPTIONS", "/data.txt", { status: 204, fields: [["allow", "GET, HEAD, OPTIONS"]] }, [], "OPTIONS"),
  file("not modified since", "/data.txt", { status: 304, body: "" }, [["if-modified-since", date]]),
  file("modified since", "/data.txt", { body: DIGITS }, [["if-modified-since", "Thu, 01 Jan 2004 00:00:00 GMT"]]),
  file("an invalid date", "/data.txt", { body: DIGITS }, [["if-modified-since", "yesterday"]]),
  file("if-none-match *", "/data.txt", { status: 304, body: "" }, [["if-none-match", "*"]]),
  file("if-none-match in two lines", "/data.txt", { body: DIGITS }, [
    ["if-none-match", '"a"'],
    ["if-none-match", '"b"'],
  ]),
  file("if-match that fails", "/data.txt", { status: 412 }, [["if-match", '"other"']]),
  file("if-match *", "/data.txt", { body: DIGITS }, [["if-match", "*"]]),
  file("unmodified since fails", "/data.txt", { status: 412 }, [
    ["if-unmodified-since", "Thu, 01 Jan 2004 00:00:00 GMT"],
  ]),
  file("a range", "/data.txt", { status: 206, body: "234", fields: [["content-range", "bytes 2-4/10"]] }, [
    ["range", "bytes=2-4"],
  ]),
  file("the last bytes", "/data.txt", { status: 206, body: "89" }, [["range", "bytes=-2"]]),
  file("from a byte to the end", "/data.txt", { status: 206, body: "789" }, [["range", "bytes=7-"]]),
  file("a range after the end", "/data.txt", { status: 416, fields: [["content-range", "bytes */10"]] }, [
    ["range", "bytes=10-"],
  ]),
  file("a range in another unit", "/data.txt", { body: DIGITS }, [["range", "lines=1-2"]]),
  file("if-range that fails", "/data.txt", { body: DIGITS }, [
    ["range", "bytes=2-4"],
    ["if-range", '"other"'],
  ]),
  file(
    "a precompressed copy",
    "/page.html",
    {
      fields: [
        ["content-encoding", "gzip"],
        ["vary", "accept-encoding"],
      ],
    },
    [["accept-encoding", "br, gzip"]],
  ),
  file("a precompressed copy, requested in two lines", "/page.html", { fields: [["content-encoding", "gzip"]] }, [
    ["accept-encoding", "br"],
    ["accept-encoding", "gzip"],
  ]),
  file("no acceptable copy", "/page.html", { body: PAGE }, [["accept-encoding", "gzip;q=0"]]),
  inside("application", "a path of the application", "/users/7", { body: PAGE }),
  inside("application", "a file that is not there", "/none.js", { status: 404 }),
  inside("listing", "a folder without a page", "/bare/", { fields: [["content-type", "text/html; charset=utf-8"]] }),
];
