/**
 * Responses of fetch that a handler passes on. fetch takes the content coding off the body and leaves its name, and the
 * length of the coded bytes, in the headers (Fetch, "HTTP-network fetch"): sent so, they would describe another body.
 */
import { type FieldLine, fieldValue } from "../../http/index.ts";

/** What Node's fetch decodes; zstd came with version 7 of the undici in it. */
const DECODED = new Set(["gzip", "x-gzip", "deflate", "br", "identity"]);
if (Number.parseInt(process.versions.undici ?? "0", 10) >= 7) DECODED.add("zstd");

/** Responses of our own client whose coding was left on. */
const coded = new WeakSet<Response>();

/** The body is as its content-encoding says: the response may be passed on as it is. */
export function keepsCoding(response: Response): void {
  coded.add(response);
}

/** Whether the response came from a network by fetch, which has decoded it. */
export function isDecoded(response: Response, fields: readonly FieldLine[]): boolean {
  const coding = fieldValue(fields, "content-encoding");
  if (coding === undefined || response.url === "" || coded.has(response)) return false;
  return coding.split(",").every((each) => DECODED.has(each.trim().toLowerCase()));
}

/**
 * Whether content must be looked at to know: `new Response(upstream.body, upstream)` has the headers and nothing else of
 * its origin. An event stream is not made to wait for that.
 */
export function mayBeDecoded(fields: readonly FieldLine[]): boolean {
  const coding = fieldValue(fields, "content-encoding")?.trim().toLowerCase();
  if (coding !== "gzip" && coding !== "x-gzip") return false;
  return fieldValue(fields, "content-type")?.toLowerCase().startsWith("text/event-stream") !== true;
}

/** RFC 1952 §2.3.1: what gzip starts with. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && (bytes.byteLength < 2 || bytes[1] === 0x8b);

/** The fields without those that describe the coded bytes. */
export function withoutCoding(fields: FieldLine[]): FieldLine[] {
  return fields.filter(([name]) => name !== "content-encoding" && name !== "content-length");
}
