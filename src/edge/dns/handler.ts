/** DNS over HTTPS (RFC 8484) as a fetch handler: a query for each GET or POST. */

import type { Response as DnsResponse } from "../../dns/index.ts";
import type { DnsPeer, QueryTransport } from "../../host/dns/server/responder.ts";
import type { Handler } from "../../host/http/fetch-handler.ts";

const MEDIA_TYPE = "application/dns-message";
/** A message has at most 64 KiB. */
const MAX_MESSAGE = 65_535;

/** Answers a query; undefined for a message that deserves no response. */
export type AnswerQuery = (query: Uint8Array, over: QueryTransport, from: DnsPeer) => DnsResponse | undefined;

/** A handler for the resource at `path`; other paths have a 404. */
export function dnsHandler(answer: AnswerQuery, path = "/dns-query"): Handler {
  return async (request, context) => {
    const url = new URL(request.url);
    if (url.pathname !== path) return problem(404, `DNS over HTTPS is at ${path}`);
    const query = request.method === "POST" ? await posted(request) : queried(request.method, url);
    if (query instanceof Response) return query;
    const response = answer(query, "https", context.remoteAddress);
    if (response === undefined) return problem(400, "the message is not a query");
    return new Response(Uint8Array.from(response.bytes), {
      // RFC 8484 §5.1: no longer than the records live.
      headers: { "content-type": MEDIA_TYPE, "cache-control": `max-age=${response.ttl}` },
    });
  };
}

/** RFC 8484 §4.1: the message in base64url. */
function queried(method: string, url: URL): Uint8Array | Response {
  if (method !== "GET" && method !== "HEAD") {
    return problem(405, "a query is a GET or a POST", { allow: "GET, HEAD, POST" });
  }
  const text = url.searchParams.get("dns");
  if (text === null) return problem(400, "the parameter dns is missing");
  // RFC 8484 §6: without padding.
  if (!/^[\w-]+$/.test(text)) return problem(400, "the parameter dns is not base64url");
  if (text.length > Math.ceil((MAX_MESSAGE * 4) / 3)) return problem(414, "the message is too long");
  return Buffer.from(text, "base64url");
}

async function posted(request: Request): Promise<Uint8Array | Response> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== MEDIA_TYPE) return problem(415, `a query is ${MEDIA_TYPE}`, { accept: MEDIA_TYPE });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MAX_MESSAGE) return problem(413, "the message is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const problem = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
