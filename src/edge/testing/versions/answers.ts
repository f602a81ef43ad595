/** The responses of the table's handler and origin, by path. */

import type { FieldSection } from "../../../http/index.ts";

export interface TableAnswer {
  readonly status: number;
  readonly fields: FieldSection;
  /** Undefined for no content. `null` aborts the response. */
  readonly chunks: readonly (string | null)[] | undefined;
  readonly trailers?: FieldSection;
  readonly informational?: readonly (readonly [number, FieldSection])[];
}

const text = (status: number, body: string, fields: FieldSection = []): TableAnswer => ({
  status,
  fields: [["content-type", "text/plain"], ...fields],
  chunks: [body],
});

const ANSWERS: Readonly<Record<string, TableAnswer>> = {
  "/null": { status: 200, fields: [], chunks: undefined },
  "/empty": { status: 200, fields: [["content-type", "text/plain"]], chunks: [""] },
  "/chunks": { status: 200, fields: [["content-type", "text/plain"]], chunks: ["one", "two", "three"] },
  "/sized": { status: 200, fields: [["content-length", "6"]], chunks: ["one", "two"] },
  "/too-short": { status: 200, fields: [["content-length", "9"]], chunks: ["one", "two"] },
  "/too-long": { status: 200, fields: [["content-length", "4"]], chunks: ["one", "two"] },
  "/fails-at-once": { status: 200, fields: [["x-head", "sent"]], chunks: [null] },
  "/fails-later": { status: 200, fields: [["x-head", "sent"]], chunks: ["one", null] },
  "/trailers": {
    status: 200,
    fields: [["trailer", "x-sum"]],
    chunks: ["one", "two"],
    trailers: [["x-sum", "6"]],
  },
  "/cookies": text(200, "two", [
    ["set-cookie", "a=1; Path=/"],
    ["set-cookie", "b=2"],
  ]),
  "/repeated": text(200, "two", [
    ["x-a", "1"],
    ["x-a", "2"],
  ]),
  "/latin1": text(200, "caf", [["x-latin", "caf\xe9"]]),
  "/empty-value": text(200, "none", [["x-empty", ""]]),
  "/long-value": text(200, "long", [["x-long", "v".repeat(20_000)]]),
  "/many-fields": text(
    200,
    "many",
    Array.from({ length: 300 }, (_, index) => [`x-${index}`, "v"] as const),
  ),
  "/hints": {
    ...text(200, "hinted"),
    informational: [[103, [["link", "</style.css>; rel=preload"]]]],
  },
  "/redirect": { status: 302, fields: [["location", "/elsewhere?a=b"]], chunks: undefined },
  "/capitals": text(200, "capitals", [["X-Capital", "Yes"]]),
  "/bytes": { status: 200, fields: [["content-type", "application/octet-stream"]], chunks: ["\x00\xff\r\n\x80"] },
  "/date": text(200, "dated", [["date", "Thu, 01 Jan 1970 00:00:00 GMT"]]),
};

/** The response for a path: `/status/NNN` returns that status, all others echo the body. */
export function answerFor(path: string, body: string): TableAnswer {
  const [pathname = ""] = path.split("?", 1);
  const status = /^\/status\/(\d{3})$/.exec(pathname)?.[1];
  if (status !== undefined) {
    const isEmpty = ["204", "205", "304"].includes(status);
    return isEmpty
      ? { status: Number(status), fields: [["x-status", status]], chunks: undefined }
      : text(Number(status), status);
  }
  return ANSWERS[pathname] ?? text(200, `echo ${body}`);
}
