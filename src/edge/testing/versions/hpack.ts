/** The parts of HPACK (RFC 7541) that tests need: plain literals, and a decoder without a dynamic table. */

import type { FieldLine, FieldSection } from "../../../http/index.ts";
import { decodeHuffman } from "../../../qpack/huffman.ts";

/** RFC 7541 Appendix A, from index 1. */
const STATIC_TABLE: FieldSection = [
  ":authority",
  ":method GET",
  ":method POST",
  ":path /",
  ":path /index.html",
  ":scheme http",
  ":scheme https",
  ":status 200",
  ":status 204",
  ":status 206",
  ":status 304",
  ":status 400",
  ":status 404",
  ":status 500",
  "accept-charset",
  "accept-encoding gzip, deflate",
  "accept-language",
  "accept-ranges",
  "accept",
  "access-control-allow-origin",
  "age",
  "allow",
  "authorization",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "last-modified",
  "link",
  "location",
  "max-forwards",
  "proxy-authenticate",
  "proxy-authorization",
  "range",
  "referer",
  "refresh",
  "retry-after",
  "server",
  "set-cookie",
  "strict-transport-security",
  "transfer-encoding",
  "user-agent",
  "vary",
  "via",
  "www-authenticate",
].map((line) => {
  const space = line.indexOf(" ");
  return space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
});

/** RFC 7541 §5.1 */
function integer(value: number, prefix: number, flags: number): number[] {
  const most = 2 ** prefix - 1;
  if (value < most) return [flags | value];
  const bytes = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

const literal = (text: string): Buffer =>
  Buffer.concat([Buffer.from(integer(text.length, 7, 0)), Buffer.from(text, "latin1")]);

/** RFC 7541 §6.2.2: encodes each line as a literal, without tables or Huffman coding. */
export const encodeHpack = (lines: FieldSection): Buffer =>
  Buffer.concat(lines.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]));

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get first(): number {
    return this.#bytes[this.at]!;
  }

  get isDone(): boolean {
    return this.at >= this.#bytes.length;
  }

  integer(prefix: number): number {
    const most = 2 ** prefix - 1;
    let value = this.#bytes[this.at++]! & most;
    if (value < most) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
    }
  }

  string(): string {
    const isHuffman = (this.first & 0x80) !== 0;
    const length = this.integer(7);
    const start = this.at;
    this.at += length;
    const bytes = this.#bytes.subarray(start, this.at);
    return isHuffman ? decodeHuffman(bytes, 0, length)! : Buffer.from(bytes).toString("latin1");
  }
}

/** Decodes a section from a peer that knows that there is no dynamic table. */
export function decodeHpack(bytes: Uint8Array): FieldSection {
  const reader = new Reader(bytes);
  const lines: FieldLine[] = [];
  while (!reader.isDone) {
    const { first } = reader;
    if (first >= 0x80) {
      lines.push(STATIC_TABLE[reader.integer(7) - 1]!);
    } else if ((first & 0xe0) === 0x20) {
      reader.integer(5); // RFC 7541 §6.3: a table size update
    } else {
      const index = reader.integer(first >= 0x40 ? 6 : 4);
      lines.push([index === 0 ? reader.string() : STATIC_TABLE[index - 1]![0], reader.string()]);
    }
  }
  return lines;
}
