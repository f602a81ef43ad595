/** One row of the table: a request, and the expected outcome over every version of HTTP. */

import type { FieldSection, HttpVersion } from "../../../http/index.ts";
import type { RawRequest } from "./raw-message.ts";

/** The request as the handler, or the origin behind the proxy, received it. */
export interface Seen {
  readonly method: string;
  /** `Request.url` without its origin; behind the proxy, the request target. */
  readonly path: string;
  readonly authority: string;
  /** Every line, in order. */
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
}

/** How an exchange was aborted, expressed the same way for all versions. */
export type Cut = "malformed" | "failed" | "too much" | "closed";

export interface Outcome {
  /** Undefined if the stream ended without a head. */
  readonly status: number | undefined;
  /** Without connection-specific fields, `date` and `alt-svc`, which have their own tests. */
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
  readonly informational: readonly number[];
  readonly cut: Cut | undefined;
  /** Undefined if the request did not get that far. */
  readonly seen: Seen | undefined;
}

/** The expected part of an outcome. Expected fields must be among the received ones. */
export type Expected = Partial<Omit<Outcome, "seen">> & { readonly seen?: Partial<Seen> | undefined };

/** What a version does differently, and why. */
export type Difference = { readonly because: string } & { readonly [version in HttpVersion]?: Expected };

export interface Row {
  readonly name: string;
  readonly request: RawRequest;
  /** The service that responds; a handler by default. */
  readonly service?: "files" | "application" | "listing";
  readonly expect: Expected;
  /** Differences that a specification requires, with its sections. */
  readonly differs?: Difference;
  /** Deviations of Node's own modules. Rows with this do not count as equal. */
  readonly deviates?: Difference;
  /** Lines of the request that only HTTP/1.1 has, and the sections that say so. */
  readonly http1Only?: { readonly names: readonly string[]; readonly because: string };
  /** What is different behind the proxy for all versions; false if the row makes no sense there. */
  readonly proxied?: Expected | false;
}

const MALFORMED = "RFC 9113 §8.1.1, RFC 9114 §4.1.2: a malformed message is an error of its stream";
const CUT: Expected = { status: undefined, cut: "malformed", seen: undefined };

/** A malformed request: a 400 in HTTP/1.1, and a stream error in HTTP/2 and HTTP/3. */
export const malformed = (name: string, request: RawRequest): Row => ({
  name,
  request,
  expect: { status: 400, body: "", seen: undefined },
  differs: { because: MALFORMED, h2: CUT, h3: CUT },
});

/** A malformed line that node:http2 silently drops instead of causing a stream error. */
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

/** Refused with the same status over every version. */
export const refused = (status: number, name: string, request: RawRequest): Row => ({
  name,
  request,
  expect: { status, body: "", fields: [["content-length", "0"]], cut: undefined, seen: undefined },
});

/** Served over every version, and received by the handler as `seen`. */
export const served = (name: string, request: RawRequest, seen: Partial<Seen> = {}, expect: Expected = {}): Row => ({
  name,
  request,
  expect: { status: 200, cut: undefined, ...expect, seen },
});
