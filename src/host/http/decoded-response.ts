/**
 * Responses of fetch that a handler forwards. fetch decodes the body but leaves `content-encoding` and the encoded
 * length in the headers (Fetch, "HTTP-network fetch"), so the headers no longer match the body.
 */
import { type FieldLine, fieldValue } from "../../http/index.ts";

/** The codings that Node's fetch decodes; zstd since undici 7. */
const DECODED = new Set(["gzip", "x-gzip", "deflate", "br", "identity"]);
if (Number.parseInt(process.versions.undici ?? "0", 10) >= 7) DECODED.add("zstd");

/** Responses of our own client whose body was not decoded. */
const encoded = new WeakSet<Response>();

/** Records that the body matches its content-encoding, so that the response can be forwarded as it is. */
export function markEncoded(response: Response): void {
  encoded.add(response);
}

/** True if the response comes from fetch, which has decoded it. */
export function isDecoded(response: Response, fields: readonly FieldLine[]): boolean {
  const coding = fieldValue(fields, "content-encoding");
  if (coding === undefined || response.url === "" || encoded.has(response)) return false;
  return coding.split(",").every((each) => DECODED.has(each.trim().toLowerCase()));
}

/**
 * True if only the content can show whether it was decoded: `new Response(upstream.body, upstream)` keeps nothing but
 * the headers. False for event streams, which must not wait for content.
 */
export function mayBeDecoded(fields: readonly FieldLine[]): boolean {
  const coding = fieldValue(fields, "content-encoding")?.trim().toLowerCase();
  if (coding !== "gzip" && coding !== "x-gzip") return false;
  return fieldValue(fields, "content-type")?.toLowerCase().startsWith("text/event-stream") !== true;
}

/** True if the bytes start with gzip's magic number (RFC 1952 §2.3.1). */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && (bytes.byteLength < 2 || bytes[1] === 0x8b);

/** Removes the fields that describe the encoded bytes. */
export function withoutCoding(fields: FieldLine[]): FieldLine[] {
  return fields.filter(([name]) => name !== "content-encoding" && name !== "content-length");
}
