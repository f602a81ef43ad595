/** One row of the table: a request, and what becomes of it over every version of HTTP. */

import type { FieldSection, HttpVersion } from "../../../http/index.ts";
import type { RawRequest } from "./raw-message.ts";

/** What the handler, or the origin behind the proxy, was given. */
export interface Seen {
  readonly method: string;
  /** `Request.url` without its origin; behind the proxy, the request target. */
  readonly path: string;
  readonly authority: string;
  /** Every line, in its order. */
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
}

/** How an exchange ended before its end: the codes of all versions have these meanings. */
export type Cut = "malformed" | "failed" | "too much" | "closed";

export interface Outcome {
  /** Undefined where the stream ended without a head. */
  readonly status: number | undefined;
  /** Without what describes one connection, and without `date` and `alt-svc`, which have tests of their own. */
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
  readonly informational: readonly number[];
  readonly cut: Cut | undefined;
  /** Undefined where the request ended before it. */
  readonly seen: Seen | undefined;
}

/** What is said of an outcome; a field list must be among the lines that came. */
export type Expected = Partial<Omit<Outcome, "seen">> & { readonly seen?: Partial<Seen> | undefined };

/** What one version does otherwise, and why it has to. */
export type Difference = { readonly because: string } & { readonly [version in HttpVersion]?: Expected };

export interface Row {
  readonly name: string;
  readonly request: RawRequest;
  /** What answers: a handler unless it says otherwise. */
  readonly service?: "files" | "application" | "listing";
  readonly expect: Expected;
  /** What a specification demands; its sections. */
  readonly differs?: Difference;
  /** What Node's own modules do in spite of it: rows with this do not count as alike. */
  readonly deviates?: Difference;
  /** Lines of the request that HTTP/1.1 alone has, and the sections that say so. */
  readonly http1Only?: { readonly names: readonly string[]; readonly because: string };
  /** What is different behind the proxy on all versions; false where a proxy makes no sense. */
  readonly proxied?: Expected | false;
}

const MALFORMED = "RFC 9113 §8.1.1, RFC 9114 §4.1.2: a malformed message is an error of its stream";
const CUT: Expected = { status: undefined, cut: "malformed", seen: undefined };

/** Not HTTP: a 400 where there is a status line, and a stream error in HTTP/2 and HTTP/3. */
export const malformed = (name: string, request: RawRequest): Row => ({
  name,
  request,
  expect: { status: 400, body: "", seen: undefined },
  differs: { because: MALFORMED, h2: CUT, h3: CUT },
});

/** A line that node:http2 leaves out in silence, in place of the stream error. */
export const dropped = (name: string, request: RawRequest): Row => ({
  name,
  request,
  expect: { status: 400, body: "", seen: undefined },
  differs: { because: MALFORMED, h3: CUT },
  deviates: {
    because: "node:http2 drops an invalid line (RFC 9113 §8.2.1 calls the request malformed)",
    h2: { status: 200, body: "echo ", seen: { fields: [] } },
  },
});

/** Refused alike. */
export const refused = (status: number, name: string, request: RawRequest): Row => ({
  name,
  request,
  expect: { status, body: "", fields: [["content-length", "0"]], cut: undefined, seen: undefined },
});

/** Served alike, and seen as this. */
export const served = (name: string, request: RawRequest, seen: Partial<Seen> = {}, expect: Expected = {}): Row => ({
  name,
  request,
  expect: { status: 200, cut: undefined, ...expect, seen },
});
