// The header fields of a dispatched request, read and checked as undici does. `headers` is the list that undici's
// channels show: listeners may add to it, or change its entries, until the request begins.
import type { Field } from "../host/client/session.ts";
import { undiciErrors } from "../host/client/undici.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The connection's own fields. */
const REFUSED_FIELDS = new Set(["transfer-encoding", "keep-alive", "upgrade"]);

export const invalid = (message: string): Error => new undiciErrors.InvalidArgumentError(message);

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export class RequestFields {
  /** Alternating names, as the caller spelled them, and values. Without the fields below. */
  readonly headers: (string | string[])[] = [];
  host: string | null = null;
  contentLength: number | null = null;
  contentType: string | null = null;
  /** True for `connection: close`. */
  reset: boolean | null = null;

  addHeader(name: string, value: unknown): this {
    if (value === undefined) return this;
    const checked = Array.isArray(value) ? value.map((each) => textOf(name, each)) : textOf(name, value);
    this.#add(name, checked);
    return this;
  }

  /** Adds headers in any of undici's forms: an object, a flat list, an iterable of pairs. */
  addAll(headers: unknown): void {
    for (const [name, value] of pairsOf(headers)) this.addHeader(name, value);
  }

  /** The field lines to send. */
  lines(): Field[] {
    const { headers } = this;
    const lines: Field[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = String(headers[i]);
      const value = headers[i + 1];
      for (const each of Array.isArray(value) ? value : [value]) lines.push([name.toLowerCase(), textOf(name, each)]);
    }
    return lines;
  }

  #add(spelled: string, value: string | string[]): void {
    const name = spelled.toLowerCase();
    if (!TOKEN.test(name)) throw invalid("invalid header key");
    if (REFUSED_FIELDS.has(name)) throw invalid(`invalid ${name} header`);
    switch (name) {
      case "host":
        if (this.host !== null) throw invalid("duplicate host header");
        if (typeof value !== "string") throw invalid("invalid host header");
        this.host = value;
        break;
      case "content-length":
        if (this.contentLength !== null) throw invalid("duplicate content-length header");
        this.contentLength = lengthOf(value);
        break;
      case "connection":
        if (typeof value !== "string") throw invalid("invalid connection header");
        for (const option of value.toLowerCase().split(",")) {
          if (!TOKEN.test(option.trim())) throw invalid("invalid connection header");
          if (option.trim() === "close") this.reset = true;
        }
        break;
      case "expect":
        throw new undiciErrors.NotSupportedError("expect header not supported");
      default:
        if (name === "content-type") this.contentType ??= String(value);
        this.headers.push(spelled, value);
    }
  }
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

/** RFC 9110 §8.6: a list of one value is that value. The fetch of undici 6 sends one if its caller sets the field. */
function lengthOf(value: string | string[]): number {
  const values = new Set(typeof value === "string" ? value.split(",").map((each) => each.trim()) : []);
  const [length] = values;
  if (values.size !== 1 || !/^[0-9]+$/.test(length!)) throw invalid("invalid content-length header");
  return Number(length);
}

function textOf(name: string, value: unknown): string {
  if (value !== null && (typeof value === "object" || typeof value === "function" || typeof value === "symbol")) {
    throw invalid(`invalid ${name} header`);
  }
  const text = value === null ? "" : String(value);
  if (!FIELD_VALUE.test(text)) throw invalid(`invalid ${name} header`);
  return text;
}
