/** Methods. */

import { malformed, type Row, refused, served } from "./row.ts";

const method = (name: string): Row => served(name, { method: name }, { method: name });

export const METHOD_ROWS: readonly Row[] = [
  method("GET"),
  served("HEAD", { method: "HEAD" }, { method: "HEAD" }, { body: "", fields: [["content-length", "5"]] }),
  method("POST"),
  method("PUT"),
  method("PATCH"),
  method("DELETE"),
  method("OPTIONS"),
  method("QUERY"),
  method("PROPFIND"),
  method("REPORT"),
  method("M-SEARCH"),
  method("PURGE"),
  { ...method("TRACE"), proxied: { status: 405, seen: undefined } },
  refused(501, "an unknown method", { method: "BREW" }),
  refused(501, "TRACK, which is forbidden to browsers", { method: "TRACK" }),
  refused(501, "get in lower case, which is another method", { method: "get" }),
  refused(501, "a method of 200 letters", { method: "G".repeat(200) }),
  malformed("a method that is not a token", { method: "G(T" }),
  malformed("an empty method", { method: "" }),
  malformed("a method outside ASCII", { method: "G\xcbT" }),
  {
    ...refused(501, "CONNECT, which the handler does not accept", {
      method: "CONNECT",
      target: "localhost:443",
      authority: "localhost:443",
      path: null,
      scheme: null,
    }),
    expect: { status: 501, body: "", seen: { method: "CONNECT", authority: "localhost:443" } },
    proxied: { seen: undefined },
  },
  {
    ...refused(501, "CONNECT to a file server", {
      method: "CONNECT",
      target: "localhost:443",
      authority: "localhost:443",
      path: null,
      scheme: null,
    }),
    service: "files",
  },
  refused(400, "CONNECT without a port", {
    method: "CONNECT",
    target: "localhost",
    authority: "localhost",
    path: null,
    scheme: null,
  }),
];
