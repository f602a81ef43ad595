/** The heads of requests as node:http and node:http2 give them, brought before the judgement that all versions share. */

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

export function http1Head(request: IncomingMessage): RequestHead | Refusal {
  const fields = fieldsFromRaw(request.rawHeaders);
  const isVersion1 = request.httpVersionMinor >= 1;
  // RFC 9112 §3.2
  if (isVersion1 && !fields.some(([name]) => name === "host")) return { status: 400, reason: "host is missing" };
  return refusalOfCoding(fields, isVersion1) ?? judge(targetOf(request, fields));
}

/** RFC 9112 §3.2: what the request target names. */
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

/** RFC 9112 §3.2.2: a target that names the host is stronger than Host, of which there is one at most all the same. */
function withoutHost(fields: FieldSection): FieldSection {
  const others = fields.filter(([name]) => name !== "host");
  return fields.length - others.length > 1 ? fields : others;
}

/** RFC 9112 §6.1: what is coded in another way would be passed on without its label. */
function refusalOfCoding(fields: FieldSection, isVersion1: boolean): Refusal | undefined {
  const codings = combinedFieldValue(fields, "transfer-encoding")?.toLowerCase();
  if (codings === undefined) return undefined;
  if (!isVersion1) return { status: 400, reason: "HTTP/1.0 has no transfer-encoding" };
  const names = codings.split(",").map((name) => name.trim());
  if (names.every((name) => name === "chunked")) {
    return names.length === 1 ? undefined : { status: 400, reason: "chunked more than once" };
  }
  return { status: 501, reason: "a transfer coding that is not known" };
}

/** `raw` has every line as it came; older versions of Node do not give it. */
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
