/** A request of an HTTP/2 stream as an exchange, or its refusal. */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { isRefusal } from "../../http/index.ts";
import { initialLimits, parseInit } from "../../webtransport/h2/settings.ts";
import { WEBTRANSPORT_PROTOCOL } from "../../webtransport/h3/settings.ts";
import { Http2ServerExchange } from "./http2-exchange.ts";
import { http2Head } from "./request-head.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import type { TunnelOffer } from "./tunnel.ts";

/** The arguments of Node's event "stream". */
export interface Http2Head {
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  /** Name, value, name, value. */
  readonly raw: readonly string[] | undefined;
}

/** Returns undefined if it has refused the request. */
export function http2ExchangeOf(
  stream: ServerHttp2Stream,
  { headers, flags, raw }: Http2Head,
  connection: TcpConnection,
  acceptsTunnels: boolean,
): Http2ServerExchange | undefined {
  const head = http2Head(headers, raw);
  if (isRefusal(head)) {
    if (head.isMalformed) stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    else refuse(stream, head.status);
    return undefined;
  }
  const tunnelOffer =
    head.method === "CONNECT" ? offerOf(stream, headers, connection.listener.takesSessions) : undefined;
  if (tunnelOffer === "malformed") {
    refuse(stream, 400);
    return undefined;
  }
  if (tunnelOffer !== undefined && !acceptsTunnels) {
    refuse(stream, 501); // RFC 9110 §9.3.6: we are not a proxy
    return undefined;
  }
  const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  return new Http2ServerExchange(stream, { ...head, tunnelOffer }, endStream, connection);
}

function offerOf(
  { session }: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  takesSessions: boolean,
): TunnelOffer | "malformed" {
  const protocol = headers[":protocol"] as string | undefined;
  if (!takesSessions || protocol !== WEBTRANSPORT_PROTOCOL) return { protocol };
  // draft-ietf-webtrans-http2 §4.3.2
  const init = parseInit(String(headers["webtransport-init"] ?? ""));
  if (init === undefined) return "malformed";
  // §4.3.1: the client's settings count as they are known when the session is accepted.
  return { protocol, sessionLimits: () => initialLimits(session?.remoteSettings.customSettings ?? {}, init) };
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  if (!stream.destroyed) stream.respond({ ":status": status, "content-length": 0 }, { endStream: true });
}
