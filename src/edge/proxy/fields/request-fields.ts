/**
 * Selects the request's fields that a gateway passes on (RFC 9110 §7.6), and adds fields about the client (RFC 7239).
 * Message framing is never passed on but generated for each side, so that the two cannot disagree on where a message ends.
 */
import type { HttpVersion, PeerAddress, ServerExchange } from "../../../host/http/exchange.ts";
import { contentLengthOf, type FieldLine, isFieldName, isFieldValue } from "../../../http/index.ts";
import { isHopByHop, nominatedFields } from "./hop-by-hop.ts";

/** Fields with which a client could make claims about itself. Only a trusted proxy in front of this one may send them. */
const CLAIMS = new Set(
  ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "x-cluster-client-ip", "x-original-forwarded-for"].concat(
    ["cf-connecting-ip", "fastly-client-ip", "x-original-host", "x-original-url", "x-rewrite-url", "x-url-scheme"],
    ["x-scheme", "front-end-https"],
  ),
);

const isClaim = (name: string): boolean => CLAIMS.has(name) || name.startsWith("x-forwarded-");

/** CGI treats `X_Forwarded_For` as `X-Forwarded-For` (RFC 3875 §4.1.18), and turns `Proxy` into HTTP_PROXY. */
const isDisguised = (name: string): boolean =>
  name === "proxy" || (name.includes("_") && isClaim(name.replaceAll("_", "-")));

export type ForwardedRequest =
  | {
      readonly ok: true;
      /** Without Host and Content-Length. */
      readonly fields: readonly FieldLine[];
      /** The declared length of the content. */
      readonly length: number | undefined;
    }
  | { readonly ok: false; readonly status: 400 | 508; readonly reason: string };

export interface ForwardingOptions {
  /** This proxy's unique name in Via. */
  readonly pseudonym: string;
  /** True to keep the claims of a proxy in front of this one, and append ours. */
  readonly trustForwarded: boolean;
  /** True if the origin's version of HTTP has `te: trailers` from end to end (RFC 9113 §8.2.2), which gRPC requires. */
  readonly keepsTe: boolean;
}

/** Returns the request's fields for the origin. */
export function forwardRequestFields(exchange: ServerExchange, options: ForwardingOptions): ForwardedRequest {
  const { pseudonym, trustForwarded, keepsTe } = options;
  const nominated = nominatedFields(exchange.fields);
  const fields: FieldLine[] = [];
  const cookies: string[] = [];
  let via = "";
  const length = contentLengthOf(exchange.fields);
  // RFC 9112 §6.3: with two lengths, or an invalid one, the two sides could disagree on the end.
  if (typeof length === "string") return refuse(400, `content-length: ${length}`);
  for (const [name, value] of exchange.fields) {
    if (!isFieldName(name) || !isFieldValue(value)) return refuse(400, "a field is malformed");
    if (name === "content-length") continue;
    if (name === "via") via = via === "" ? value : `${via}, ${value}`;
    else if (name === "cookie") cookies.push(value);
    else if (name === "te" && keepsTe && value.toLowerCase() === "trailers") fields.push(["te", "trailers"]);
    else if (isHopByHop(name) || nominated.has(name) || isDisguised(name)) continue;
    else if (!trustForwarded && isClaim(name)) continue;
    else fields.push([name, value]);
  }
  if (via.includes(pseudonym)) return refuse(508, "the request came back to this proxy"); // RFC 5842 §7.2
  if (cookies.length > 0) fields.push(["cookie", cookies.join("; ")]); // RFC 9113 §8.2.3
  // RFC 8470 §5.1: the origin decides whether it answers 425, which is passed on; the client then sends the request again.
  if (exchange.earlyData === true && !fields.some(([name]) => name === "early-data")) fields.push(["early-data", "1"]);
  fields.push(["via", `${via === "" ? "" : `${via}, `}${VERSION[exchange.protocol]} ${pseudonym}`]); // RFC 9110 §7.6.3
  return { ok: true, fields: mergeClaims(fields, claimsOf(exchange)), length };
}

const refuse = (status: 400 | 508, reason: string): ForwardedRequest => ({ ok: false, status, reason });

const VERSION: Readonly<Record<HttpVersion, string>> = { h3: "3", h2: "2", "http/1.1": "1.1" };

/** The scheme of this server. `:scheme` is only the client's claim. */
const SCHEME = "https";

/** The fields about the client, from what this proxy knows itself. */
function claimsOf(exchange: ServerExchange): readonly FieldLine[] {
  const { remoteAddress, authority } = exchange;
  const claims: FieldLine[] = [
    ["forwarded", forwardedElement(remoteAddress, authority, SCHEME)],
    ["x-forwarded-for", remoteAddress.address],
    ["x-forwarded-proto", SCHEME],
  ];
  if (authority !== "") claims.push(["x-forwarded-host", authority]);
  return claims;
}

/** Appends to lists (Forwarded, X-Forwarded-For). Keeps a scheme or host from a trusted proxy. */
function mergeClaims(fields: FieldLine[], claims: readonly FieldLine[]): FieldLine[] {
  for (const [name, value] of claims) {
    const given = fields.filter((line) => line[0] === name);
    if (given.length === 0) fields.push([name, value]);
    if (given.length === 0 || (name !== "forwarded" && name !== "x-forwarded-for")) continue;
    // Several lines form one list (RFC 9110 §5.3), and our own value is its last element.
    fields[fields.indexOf(given[0]!)] = [name, [...given.map((line) => line[1]), value].join(", ")];
    for (const line of given.slice(1)) fields.splice(fields.indexOf(line), 1);
  }
  return fields;
}

/** RFC 7239 §4: a value that is not a token is quoted; §6: an IPv6 address is in brackets. */
export function forwardedElement({ address, family }: PeerAddress, host: string, proto: string): string {
  const node = family === "IPv6" ? `"[${address}]"` : address;
  return `for=${node}${host === "" ? "" : `;host=${/^[\w.!#$%&'*+^`|~-]+$/.test(host) ? host : `"${host}"`}`};proto=${proto}`;
}
