/** Passes request heads from node:http and node:http2 to the validation that all versions share. */

import type { IncomingHttpHeaders } from "node:http2";
import {
  type AcceptedHead,
  type FieldFacts,
  type GivenHead,
  type GivenTarget,
  isRefusal,
  judgeRequest,
  judgeTarget,
  type Refusal,
  refusalOfServer,
  refusalOfTarget,
} from "../../http/index.ts";
import type { Http1Head } from "./http1-exchange.ts";
import type { Http1Request } from "./http1-request.ts";
import { fieldsFromRaw } from "./raw-fields.ts";

export interface RequestHead extends AcceptedHead {
  readonly method: string;
  /** Empty for a plain CONNECT. */
  readonly path: string;
}

/**
 * The head of an HTTP/1.1 request, whose fields its exchange parses when a handler reads them. `requiresHost` is false if
 * the request may lack Host.
 */
export function http1Head(request: Http1Request, requiresHost: boolean): Http1Head | Refusal {
  // RFC 9110 §15.6.6: Node's parser also accepts the version numbers 0.9 and 2.0.
  if (request.httpVersionMajor !== 1) return { status: 505, reason: "not HTTP/1" };
  const { method, lines } = request;
  const isVersion1 = request.httpVersionMinor >= 1;
  // RFC 9112 §3.2
  if (requiresHost && isVersion1 && lines.hosts === 0) return { status: 400, reason: "host is missing" };
  const refusal = lines.codings === undefined ? undefined : refusalOfCoding(lines.codings, isVersion1);
  if (refusal !== undefined) return refusal;
  const target = targetOf(request);
  const authority = judgeTarget(target, target.authority === undefined ? lines : withoutHost(lines));
  if (typeof authority !== "string") return authority;
  const { scheme, path } = target;
  return refusalOfTarget(scheme, { method, authority, path }, lines.size) ?? { authority, path: path ?? "" };
}

/** Parses the request target (RFC 9112 §3.2). */
function targetOf({ method, url }: Http1Request): GivenTarget & { readonly scheme?: string } {
  if (method === "CONNECT") return { method, authority: url, path: undefined };
  if (url.startsWith("/")) return { method, authority: undefined, path: url };
  const absolute = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url);
  if (absolute === null) return { method, authority: undefined, path: url };
  const [, scheme, authority, rest] = absolute as unknown as [string, string, string, string];
  return { method, scheme, authority, path: rest.startsWith("/") ? rest : `/${rest}` };
}

/** An absolute-form target overrides Host (RFC 9112 §3.2.2), but more than one Host field remains an error. */
const withoutHost = ({ hosts, cookies }: FieldFacts): FieldFacts => ({ hosts, host: undefined, cookies });

/**
 * RFC 9112 §6.1: other transfer codings are refused, because handlers would get the coded content without its label.
 */
function refusalOfCoding(codings: string, isVersion1: boolean): Refusal | undefined {
  if (!isVersion1) return { status: 400, reason: "HTTP/1.0 has no transfer-encoding" };
  const names = codings.split(",").map((name) => name.trim().toLowerCase());
  if (names.every((name) => name === "chunked")) {
    return names.length === 1 ? undefined : { status: 400, reason: "chunked more than once" };
  }
  return { status: 501, reason: "unknown transfer coding" };
}

/** `raw` has every field line as received. Older versions of Node do not provide it. */
export function http2Head(headers: IncomingHttpHeaders, raw: readonly string[] | undefined): RequestHead | Refusal {
  const fields = fieldsFromRaw(raw ?? Object.entries(headers).flatMap(([name, value]) => [name, String(value)]));
  return judge({
    method: headers[":method"] ?? "",
    ...(headers[":scheme"] === undefined ? {} : { scheme: headers[":scheme"] }),
    authority: headers[":authority"],
    path: headers[":path"],
    fields,
  });
}

function judge(given: GivenHead & { readonly scheme?: string }): RequestHead | Refusal {
  const verdict = judgeRequest(given);
  if (isRefusal(verdict)) return verdict;
  const refusal = refusalOfServer(given.scheme, { ...given, authority: verdict.authority, fields: verdict.fields });
  return refusal ?? { ...verdict, method: given.method, path: given.path ?? "" };
}
