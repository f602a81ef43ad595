/** Selects the response's fields that a gateway passes on (RFC 9110 §7.6), and trailers in both directions. */
import { contentLengthOf, type FieldLine, type FieldSection, isFieldName, isFieldValue } from "../../../http/index.ts";
import { isHopByHop, nominatedFields } from "./hop-by-hop.ts";

/**
 * Returns the response's fields for the client. A length is passed on only if the origin's message was framed by it.
 * `alt-svc` is dropped, since it describes the origin's endpoints, not ours (RFC 7838).
 */
export function forwardResponseFields(fields: FieldSection): readonly FieldLine[] {
  const nominated = nominatedFields(fields);
  const chunked = fields.some(([name]) => name === "transfer-encoding");
  const length = contentLengthOf(fields);
  const forwarded: FieldLine[] = [];
  for (const [name, value] of fields) {
    if (isHopByHop(name) || nominated.has(name) || name === "alt-svc" || name === "content-length") continue;
    if (isFieldName(name) && isFieldValue(value)) forwarded.push([name, value]);
  }
  if (typeof length === "number" && !chunked) forwarded.push(["content-length", String(length)]);
  return forwarded;
}

/** RFC 9110 §6.5.1: fields that matter before the content, or that recipients could take for those of the head. */
const NOT_IN_TRAILERS = new Set(
  [
    "age",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
  ].concat(
    ["cookie", "date", "early-data", "expires", "forwarded", "if-match", "if-modified-since", "if-none-match"],
    ["if-range", "if-unmodified-since", "location", "max-forwards", "proxy-authenticate", "proxy-authorization"],
    ["range", "retry-after", "set-cookie", "trailer", "vary", "via", "www-authenticate"],
  ),
);

export const forwardTrailers = (trailers: FieldSection): readonly FieldLine[] =>
  trailers.filter(
    ([name, value]) =>
      !NOT_IN_TRAILERS.has(name) &&
      !name.startsWith("x-forwarded-") &&
      !isHopByHop(name) &&
      isFieldName(name) &&
      isFieldValue(value),
  );
