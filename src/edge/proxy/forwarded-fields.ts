/**
 * Selects the fields that a gateway passes on (RFC 9110 §7.6), and adds fields about the client (RFC 7239). Message
 * framing is never passed on but generated for each side, so that the two cannot disagree on where a message ends.
 */
import type { HttpVersion, PeerAddress, ServerExchange } from "../../host/http/exchange.ts";
import {
  contentLengthOf,
  type FieldLine,
  type FieldSection,
  isConnectionSpecific,
  isFieldName,
  isFieldValue,
} from "../../http/index.ts";

/** RFC 9110 §7.6.1: fields about one connection, and fields that the proxy consumes or replaces. */
const isHopByHop = (name: string): boolean =>
  name === "expect" || name === "host" || name === "te" || isConnectionSpecific(name);

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
  | { readonly ok: true; readonly fields: readonly FieldLine[] }
  | { readonly ok: false; readonly status: 400 | 508; readonly reason: string };

export interface ForwardingOptions {
  /** The value of Host. */
  readonly host: string;
  /** This proxy's unique name in Via. */
  readonly pseudonym: string;
  /** True to keep the claims of a proxy in front of this one, and append ours. */
  readonly trustForwarded: boolean;
}

/** Returns the request's fields for the origin. */
export function forwardRequestFields(exchange: ServerExchange, options: ForwardingOptions): ForwardedRequest {
  const { pseudonym, trustForwarded } = options;
  const nominated = nominatedFields(exchange.fields);
  const fields: FieldLine[] = [["host", options.host]];
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
    else if (isHopByHop(name) || nominated.has(name) || isDisguised(name)) continue;
    else if (!trustForwarded && isClaim(name)) continue;
    else fields.push([name, value]);
  }
  if (via.includes(pseudonym)) return refuse(508, "the request came back to this proxy"); // RFC 5842 §7.2
  if (cookies.length > 0) fields.push(["cookie", cookies.join("; ")]); // RFC 9113 §8.2.3
  // RFC 8470 §5.1: the origin decides whether it answers 425, which is passed on; the client then sends the request again.
  if (exchange.earlyData === true && !fields.some(([name]) => name === "early-data")) fields.push(["early-data", "1"]);
  if (length !== undefined) fields.push(["content-length", String(length)]);
  fields.push(["via", `${via === "" ? "" : `${via}, `}${VERSION[exchange.protocol]} ${pseudonym}`]); // RFC 9110 §7.6.3
  return { ok: true, fields: mergeClaims(fields, claimsOf(exchange)) };
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

/** Fields that Connection names are for this connection only (RFC 9110 §7.6.1). */
function nominatedFields(fields: FieldSection): ReadonlySet<string> {
  const nominated = new Set<string>();
  for (const [name, value] of fields) {
    if (name !== "connection") continue;
    for (const option of value.split(",")) nominated.add(option.trim().toLowerCase());
  }
  nominated.delete("content-length"); // Connection cannot remove framing
  nominated.delete("host");
  return nominated;
}
