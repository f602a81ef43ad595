/** Responses from a handler, and from an origin behind the proxy: statuses, lengths, fields, trailers, aborts. */

import type { RawRequest } from "./raw-message.ts";
import { type Expected, type Row, served } from "./row.ts";

const answered = (target: string, expect: Expected, request: RawRequest = {}): Row =>
  served(`${request.method ?? "GET"} ${target}`, { target, ...request }, {}, expect);

const status = (code: number): Row => answered(`/status/${code}`, { status: code, body: String(code) });
const bodiless = (code: number): Row =>
  answered(`/status/${code}`, { status: code, body: "", fields: [["x-status", String(code)]] });

const head = { method: "HEAD" } as const;

export const RESPONSES: readonly Row[] = [
  ...[200, 201, 202, 203, 299, 300, 301, 400, 401, 403, 404, 405, 409, 410, 413, 418, 429, 451, 500, 503, 599].map(
    status,
  ),
  bodiless(204),
  bodiless(205),
  bodiless(304),
  answered("/redirect", { status: 302, fields: [["location", "/elsewhere?a=b"]], body: "" }),
  answered("/null", { body: "" }),
  answered("/empty", { body: "" }),
  answered("/chunks", { body: "onetwothree" }),
  answered("/sized", { body: "onetwo", fields: [["content-length", "6"]] }),
  answered("/bytes", { body: "\x00\xff\r\n\x80" }),
  answered("/cookies", { fields: [["set-cookie", "a=1; Path=/\nb=2"]] }),
  answered("/repeated", { fields: [["x-a", "1, 2"]] }),
  answered("/latin1", { fields: [["x-latin", "caf\xe9"]] }),
  answered("/empty-value", { fields: [["x-empty", ""]] }),
  answered("/long-value", { fields: [["x-long", "v".repeat(20_000)]] }),
  answered("/many-fields", { body: "many", fields: [["x-299", "v"]] }),
  answered("/capitals", { fields: [["x-capital", "Yes"]] }),
  answered("/hints", { body: "hinted", informational: [103] }),
  answered("/trailers", { body: "onetwo", fields: [["trailer", "x-sum"]], trailers: [["x-sum", "6"]] }),
  answered("/chunks", { body: "" }, head),
  answered("/sized", { body: "", fields: [["content-length", "6"]] }, head),
  answered("/status/404", { status: 404, body: "" }, head),
  answered("/trailers", { body: "", trailers: [] }, head),
  answered("/status/200", { body: "200" }, { method: "PUT", fields: [["content-length", "3"]], body: ["abc"] }),
  answered("/too-short", { fields: [["content-length", "9"]], cut: "failed" }),
  { ...answered("/too-long", { cut: "failed" }), proxied: false },
  {
    ...answered("/fails-at-once", { status: 500, body: "" }),
    proxied: { status: 200, cut: "failed" },
  },
  answered("/fails-later", { status: 200, fields: [["x-head", "sent"]], cut: "failed" }),
];
