/** Passes request heads from node:http and node:http2 to the validation that all versions share. */

import type { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders } from "node:http2";
import {
  type AcceptedHead,
  combinedFieldValue,
  type FieldSection,
  type GivenHead,
  isRefusal,
  judgeRequest,
  type Refusal,
  refusalOfServer,
} from "../../http/index.ts";
import { fieldsFromRaw } from "./raw-fields.ts";

export interface RequestHead extends AcceptedHead {
  readonly method: string;
  /** Empty for a plain CONNECT. */
  readonly path: string;
}

/** `requiresHost` is false if an HTTP/1.1 request may lack Host. */
export function http1Head(request: IncomingMessage, requiresHost: boolean): RequestHead | Refusal {
  // RFC 9110 §15.6.6: Node's parser also accepts the version numbers 0.9 and 2.0.
  if (request.httpVersionMajor !== 1) return { status: 505, reason: "not HTTP/1" };
  const fields = fieldsFromRaw(request.rawHeaders);
  const isVersion1 = request.httpVersionMinor >= 1;
  // RFC 9112 §3.2
  if (requiresHost && isVersion1 && !fields.some(([name]) => name === "host"))
    return { status: 400, reason: "host is missing" };
  return refusalOfCoding(fields, isVersion1) ?? judge(targetOf(request, fields));
}

/** Parses the request target (RFC 9112 §3.2). */
function targetOf(request: IncomingMessage, fields: FieldSection): GivenHead & { readonly scheme?: string } {
  const method = request.method!;
  const target = request.url!;
  if (method === "CONNECT") return { method, authority: target, path: undefined, fields: withoutHost(fields) };
  const absolute = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute === null) return { method, authority: undefined, path: target, fields };
  const [, scheme, authority, rest] = absolute as unknown as [string, string, string, string];
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  return { method, scheme, authority, path, fields: withoutHost(fields) };
}

/** An absolute-form target overrides Host (RFC 9112 §3.2.2), but more than one Host field remains an error. */
function withoutHost(fields: FieldSection): FieldSection {
  const others = fields.filter(([name]) => name !== "host");
  return fields.length - others.length > 1 ? fields : others;
}

/**
 * RFC 9112 §6.1: other transfer codings are refused, because handlers would get the coded content without its label.
 */
function refusalOfCoding(fields: FieldSection, isVersion1: boolean): Refusal | undefined {
  const codings = combinedFieldValue(fields, "transfer-encoding")?.toLowerCase();
  if (codings === undefined) return undefined;
  if (!isVersion1) return { status: 400, reason: "HTTP/1.0 has no transfer-encoding" };
  const names = codings.split(",").map((name) => name.trim());
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
