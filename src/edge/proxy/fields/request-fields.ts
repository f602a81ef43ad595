/**
 * Selects the request's fields that a gateway passes on (RFC 9110 §7.6), and adds fields about the client (RFC 7239).
 * Message framing is never passed on but generated for each side, so that the two cannot disagree on where a message ends.
 */
import type { HttpVersion, PeerAddress, ServerExchange } from "../../../host/http/exchange.ts";
import { contentLengthOf, type FieldLine, isFieldName, isFieldValue } from "../../../http/index.ts";
import type { ForwardedPath } from "../../trusted-proxies.ts";
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
  /** What trusted proxies in front of this one say. If the peer is one, its claims are kept, and ours appended. */
  readonly path: ForwardedPath;
  /** True if the origin's version of HTTP has `te: trailers` from end to end (RFC 9113 §8.2.2), which gRPC requires. */
  readonly keepsTe: boolean;
}

/** Returns the request's fields for the origin. */
export function forwardRequestFields(exchange: ServerExchange, options: ForwardingOptions): ForwardedRequest {
  const { pseudonym, path, keepsTe } = options;
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
    else if (isListed(name) || (!path.isTrusted && isClaim(name))) continue;
    else fields.push([name, value]);
  }
  if (via.includes(pseudonym)) return refuse(508, "the request came back to this proxy"); // RFC 5842 §7.2
  if (cookies.length > 0) fields.push(["cookie", cookies.join("; ")]); // RFC 9113 §8.2.3
  // RFC 8470 §5.1: the origin decides whether it answers 425, which is passed on; the client then sends the request again.
  if (exchange.earlyData === true && !fields.some(([name]) => name === "early-data")) fields.push(["early-data", "1"]);
  fields.push(["via", `${via === "" ? "" : `${via}, `}${VERSION[exchange.protocol]} ${pseudonym}`]); // RFC 9110 §7.6.3
  return { ok: true, fields: withClaims(fields, exchange, path), length };
}

const refuse = (status: 400 | 508, reason: string): ForwardedRequest => ({ ok: false, status, reason });

const VERSION: Readonly<Record<HttpVersion, string>> = { h3: "3", h2: "2", "http/1.1": "1.1" };

/** The scheme of this server. `:scheme` is only the client's claim. */
const SCHEME = "https";

/** Lists to which each proxy appends. */
const isListed = (name: string): boolean => name === "forwarded" || name === "x-forwarded-for";

/** Adds the fields about the client. Keeps a scheme or host from a trusted proxy. */
function withClaims(fields: FieldLine[], exchange: ServerExchange, { addresses }: ForwardedPath): FieldLine[] {
  const { remoteAddress, authority } = exchange;
  const before = addresses.map((address) => `for=${nodeOf(address)}`);
  fields.push(["forwarded", [...before, forwardedElement(remoteAddress, authority, SCHEME)].join(", ")]);
  fields.push(["x-forwarded-for", [...addresses, remoteAddress].map(({ address }) => address).join(", ")]);
  const has = (name: string): boolean => fields.some((line) => line[0] === name);
  if (!has("x-forwarded-proto")) fields.push(["x-forwarded-proto", SCHEME]);
  if (authority !== "" && !has("x-forwarded-host")) fields.push(["x-forwarded-host", authority]);
  return fields;
}

/** RFC 7239 §6: an IPv6 address is in brackets, and then quoted. */
const nodeOf = ({ address, family }: PeerAddress): string => (family === "IPv6" ? `"[${address}]"` : address);

/** RFC 7239 §4: a value that is not a token is quoted. */
export function forwardedElement(address: PeerAddress, host: string, proto: string): string {
  return `for=${nodeOf(address)}${host === "" ? "" : `;host=${/^[\w.!#$%&'*+^`|~-]+$/.test(host) ? host : `"${host}"`}`};proto=${proto}`;
}
