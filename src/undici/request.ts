// undici's dispatch options, checked as undici checks them, as a request of the client.
import { stringify } from "node:querystring";
import type { ClientRequestHead, Field } from "../host/client/session.ts";
import { undiciErrors } from "../host/client/undici.ts";
import { DispatchBody } from "./body.ts";

/** The options of one dispatch. Callers are untyped, and of any version of undici. */
export interface DispatchOptions {
  readonly origin?: string | URL | undefined;
  readonly path: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly query?: Record<string, unknown> | undefined;
  readonly idempotent?: boolean | undefined;
  readonly upgrade?: string | boolean | null | undefined;
  readonly headersTimeout?: number | null | undefined;
  readonly bodyTimeout?: number | null | undefined;
  readonly reset?: boolean | null | undefined;
  readonly expectContinue?: boolean | null | undefined;
  readonly servername?: string | null | undefined;
  readonly throwOnError?: unknown;
  readonly maxRedirections?: number | null | undefined;
}

export interface DispatchRequest {
  readonly url: URL;
  /** The host to connect to instead of the URL's, whose certificate is expected. */
  readonly address: string | undefined;
  readonly head: ClientRequestHead;
  readonly body: DispatchBody | undefined;
  readonly idempotent: boolean | undefined;
  readonly expectContinue: boolean;
  readonly headersTimeout: number | undefined;
  readonly bodyTimeout: number | undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PATH = /^[\x21-\xff]*$/;
/** Methods that anticipate content, and send content-length: 0 without it (RFC 9110 §8.6). */
const EXPECT_CONTENT = new Set(["PUT", "POST", "PATCH", "QUERY", "PROPFIND", "PROPPATCH"]);
/** The connection's own fields. */
const REFUSED_FIELDS = new Set(["transfer-encoding", "keep-alive", "upgrade"]);

const invalid = (message: string): Error => new undiciErrors.InvalidArgumentError(message);

/** Throws undici's error for options that it does not accept. */
export function requestFrom(options: DispatchOptions): DispatchRequest {
  const { path, method } = options;
  check(options);
  const origin = originOf(options.origin);
  const target = options.query ? withQuery(path, options.query) : path;
  const body = DispatchBody.from(options.body);
  const { fields, host, length, reset } = readFields(options.headers, body?.type);
  if (reset || options.reset === true) fields.push(["connection", "close"]);
  const known = body === undefined ? 0 : body.length;
  if (length !== undefined && known !== undefined && known !== length && method !== "HEAD") {
    throw new undiciErrors.RequestContentLengthMismatchError();
  }
  if (body !== undefined) body.length = known ?? length;
  else if (EXPECT_CONTENT.has(method)) fields.push(["content-length", "0"]);

  const { servername } = options;
  const hostname = origin.hostname.replace(/^\[(.*)\]$/, "$1");
  const isElsewhere = typeof servername === "string" && servername !== "" && servername !== hostname;
  const url = new URL(origin);
  if (isElsewhere) url.hostname = servername;
  return {
    url,
    address: isElsewhere ? hostname : undefined,
    head: { method, scheme: "https", authority: host ?? origin.host, path: originForm(target), fields },
    body,
    idempotent: options.idempotent ?? undefined,
    expectContinue: options.expectContinue === true && body !== undefined,
    headersTimeout: options.headersTimeout ?? undefined,
    bodyTimeout: options.bodyTimeout ?? undefined,
  };
}

export function originOf(origin: DispatchOptions["origin"]): URL {
  if (!(typeof origin === "string" && origin !== "") && !(origin instanceof URL)) {
    throw invalid("opts.origin must be a non-empty string or URL.");
  }
  const url = URL.canParse(String(origin)) ? new URL(origin) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid("Invalid URL protocol: the URL must start with `http:` or `https:`.");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw invalid("invalid url");
  return url;
}

function check(options: DispatchOptions): void {
  const { path, method, headersTimeout, bodyTimeout, reset, expectContinue, throwOnError, maxRedirections } = options;
  if (typeof path !== "string") throw invalid("path must be a string");
  if (!/^(?:\/|https?:\/\/)/.test(path)) throw invalid("path must be an absolute URL or start with a slash");
  if (!PATH.test(path)) throw invalid("invalid request path");
  if (typeof method !== "string") throw invalid("method must be a string");
  if (!TOKEN.test(method)) throw invalid("invalid request method");
  for (const [name, value] of Object.entries({ headersTimeout, bodyTimeout })) {
    if (value != null && (!Number.isFinite(value) || value < 0)) throw invalid(`invalid ${name}`);
  }
  for (const [name, value] of Object.entries({ reset, expectContinue })) {
    if (value != null && typeof value !== "boolean") throw invalid(`invalid ${name}`);
  }
  if (throwOnError != null) throw invalid("invalid throwOnError");
  if (maxRedirections != null && maxRedirections !== 0) {
    throw invalid("maxRedirections is not supported, use the redirect interceptor");
  }
}

function withQuery(path: string, query: Record<string, unknown>): string {
  if (/[?#]/.test(path)) throw new Error('Query params cannot be passed when url already contains "?" or "#".');
  const text = stringify(query as Parameters<typeof stringify>[0]);
  return text === "" ? path : `${path}?${text}`;
}

/** RFC 9112 §3.2.1: only a proxy is sent the absolute form. */
function originForm(path: string): string {
  if (path.startsWith("/")) return path;
  const url = new URL(path);
  return url.pathname + url.search;
}

interface ReadFields {
  readonly fields: Field[];
  host: string | undefined;
  length: number | undefined;
  reset: boolean;
}

function readFields(headers: unknown, type: string | undefined): ReadFields {
  const read: ReadFields = { fields: [], host: undefined, length: undefined, reset: false };
  for (const [name, value] of pairsOf(headers)) {
    if (value === undefined) continue;
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const each of list) readField(read, name, textOf(name, each));
  }
  if (type !== undefined && !read.fields.some(([name]) => name === "content-type")) {
    read.fields.push(["content-type", type]);
  }
  return read;
}

function pairsOf(headers: unknown): readonly (readonly [string, unknown])[] {
  if (headers === null || headers === undefined) return [];
  if (typeof headers !== "object") throw invalid("headers must be an object or an array");
  if (Array.isArray(headers)) {
    if (headers.length % 2 !== 0) throw invalid("headers array must be even");
    return Array.from({ length: headers.length / 2 }, (_, i) => [String(headers[2 * i]), headers[2 * i + 1]] as const);
  }
  if (!(Symbol.iterator in headers)) return Object.entries(headers);
  return [...(headers as Iterable<unknown>)].map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalid("headers must be in key-value pair format");
    return [String(pair[0]), pair[1]] as const;
  });
}

function textOf(name: string, value: unknown): string {
  if (value !== null && (typeof value === "object" || typeof value === "function" || typeof value === "symbol")) {
    throw invalid(`invalid ${name} header`);
  }
  const text = value === null ? "" : String(value);
  if (!FIELD_VALUE.test(text)) throw invalid(`invalid ${name} header`);
  return text;
}

function readField(read: ReadFields, spelled: string, value: string): void {
  const name = spelled.toLowerCase();
  if (!TOKEN.test(name)) throw invalid("invalid header key");
  if (REFUSED_FIELDS.has(name)) throw invalid(`invalid ${name} header`);
  switch (name) {
    case "host":
      if (read.host !== undefined) throw invalid("duplicate host header");
      read.host = value;
      break;
    case "content-length":
      if (read.length !== undefined) throw invalid("duplicate content-length header");
      if (!/^[0-9]+$/.test(value)) throw invalid("invalid content-length header");
      read.length = Number(value);
      break;
    case "connection":
      for (const option of value.toLowerCase().split(",")) {
        if (!TOKEN.test(option.trim())) throw invalid("invalid connection header");
        if (option.trim() === "close") read.reset = true;
      }
      break;
    case "expect":
      throw new undiciErrors.NotSupportedError("expect header not supported");
    default:
      read.fields.push([name, value]);
  }
}
