// undici's dispatch options as a request of the client.
import { stringify } from "node:querystring";
import type { ClientRequestHead } from "../host/client/session.ts";
import { isForTunnel } from "../host/client/tunnel.ts";
import { undiciErrors } from "../host/client/undici.ts";
import { DispatchBody } from "./body.ts";
import { PublishedRequest } from "./channels.ts";
import { checkOptions, type DispatchOptions, originOf } from "./options.ts";

export interface DispatchRequest {
  readonly url: URL;
  /** The host to connect to instead of the URL's, whose certificate is expected. */
  readonly address: string | undefined;
  readonly head: ClientRequestHead;
  /** The value of `sec-websocket-key`, of a request for a WebSocket. */
  readonly websocketKey: string | undefined;
  readonly published: PublishedRequest;
  readonly body: DispatchBody | undefined;
  readonly idempotent: boolean | undefined;
  readonly expectContinue: boolean;
  readonly headersTimeout: number | undefined;
  readonly bodyTimeout: number | undefined;
}

/** Methods that anticipate content, and send content-length: 0 without it (RFC 9110 §8.6). */
const EXPECT_CONTENT = new Set(["PUT", "POST", "PATCH", "QUERY", "PROPFIND", "PROPPATCH"]);

const WEBSOCKET_KEY = "sec-websocket-key";

/** Throws undici's error for a request that it does not accept. Listeners of undici's channels see the request here. */
export function requestFrom(options: DispatchOptions): DispatchRequest {
  const { path } = options;
  checkOptions(options);
  const origin = originOf(options.origin);
  const target = options.query ? withQuery(path, options.query) : path;
  const body = isForTunnel(tunnelOf(options)) ? undefined : DispatchBody.from(options.body);
  const published = new PublishedRequest(origin, target, options, body);
  published.addAll(options.headers);
  published.publishCreate();
  try {
    return finished(published, origin, body, options);
  } catch (error) {
    published.publishError(error as Error);
    throw error;
  }
}

function finished(
  published: PublishedRequest,
  origin: URL,
  body: DispatchBody | undefined,
  options: DispatchOptions,
): DispatchRequest {
  const tunnel = tunnelOf(options);
  const { method } = tunnel;
  const isTunnel = isForTunnel(tunnel);
  const lines = published.lines();
  const fields = isTunnel ? lines.filter(([name]) => name !== WEBSOCKET_KEY) : lines;
  if (body?.type !== undefined && published.contentType === null) fields.push(["content-type", body.type]);
  if (published.reset === true && !isTunnel) fields.push(["connection", "close"]);
  const known = body === undefined ? 0 : body.length;
  const length = published.contentLength;
  if (length !== null && known !== undefined && known !== length && method !== "HEAD") {
    throw new undiciErrors.RequestContentLengthMismatchError();
  }
  if (body !== undefined) body.length = known ?? length ?? undefined;
  else if (EXPECT_CONTENT.has(method) && !isTunnel) fields.push(["content-length", "0"]);

  const { servername } = options;
  const hostname = origin.hostname.replace(/^\[(.*)\]$/, "$1");
  const isElsewhere = typeof servername === "string" && servername !== "" && servername !== hostname;
  const url = new URL(origin);
  if (isElsewhere) url.hostname = servername;
  return {
    url,
    address: isElsewhere ? hostname : undefined,
    head: {
      ...tunnel,
      scheme: "https",
      // RFC 9110 §7.1: the target of CONNECT is an authority.
      authority: method === "CONNECT" ? published.path : (published.host ?? origin.host),
      path: method === "CONNECT" ? "" : originForm(published.path),
      fields,
    },
    websocketKey: isTunnel ? lines.find(([name]) => name === WEBSOCKET_KEY)?.[1] : undefined,
    published,
    body,
    idempotent: options.idempotent ?? undefined,
    expectContinue: options.expectContinue === true && body !== undefined,
    headersTimeout: options.headersTimeout ?? undefined,
    bodyTimeout: options.bodyTimeout ?? undefined,
  };
}

/** Which tunnel the request is for, if any. `:protocol` has no upper case where it is registered (RFC 8441 §4). */
export function tunnelOf({ method, upgrade }: DispatchOptions): Pick<ClientRequestHead, "method" | "protocol"> {
  return upgrade ? { method, protocol: upgrade.toLowerCase() } : { method };
}

function withQuery(path: string, query: Record<string, unknown>): string {
  if (/[?#]/.test(path)) throw new Error('Query params cannot be passed when url already contains "?" or "#".');
  const text = stringify(query as Parameters<typeof stringify>[0]);
  return text === "" ? path : `${path}?${text}`;
}

/** RFC 9112 §3.2.1: only a proxy is sent the absolute form. */
function originForm(path: string): string {
  if (path.startsWith("/")) return path;
  const url = new URL(path);
  return url.pathname + url.search;
}
