/** Responses of the proxy itself, in place of an origin's. They reveal nothing about the network to clients. */
import { ClientError } from "../../host/client/errors.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { type FieldLine, fieldValue } from "../../http/index.ts";
import { type FailureKind, RequestStalledError } from "./call/attempt.ts";
import { isKey, isWebSocket } from "./tunnel/websocket.ts";

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly fields?: readonly FieldLine[];
}

const ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** Returns a response for requests that are not passed on. */
export function refusalOf(exchange: ServerExchange): Refusal | undefined {
  const { method, path, fields, tunnelOffer } = exchange;
  const { protocol } = tunnelOffer ?? {};
  // RFC 9110 §9.3.6: a gateway chooses the origin, not the client.
  if (method === "CONNECT" && protocol === undefined) return { status: 501, reason: "CONNECT is not supported" };
  // It has streams and datagrams, which no upgrade in HTTP/1.1 can carry.
  if (protocol?.startsWith("webtransport")) return { status: 501, reason: "WebTransport is not passed on" };
  if (lacksKey(exchange)) return { status: 400, reason: "sec-websocket-key is missing or invalid" };
  // TRACE would reveal cookies and our added fields to scripts (RFC 9110 §9.3.8).
  if (method === "TRACE") return { status: 405, reason: "TRACE is not supported", fields: [["allow", ALLOWED]] };
  const last = method === "OPTIONS" && fieldValue(fields, "max-forwards")?.trim() === "0"; // RFC 9110 §7.6.2
  if (path === "*" || last) return { status: 204, reason: "", fields: [["allow", ALLOWED]] };
  return undefined;
}

function lacksKey({ protocol, fields, tunnelOffer }: ServerExchange): boolean {
  if (protocol !== "http/1.1" || tunnelOffer?.protocol === undefined || !isWebSocket(tunnelOffer.protocol))
    return false;
  return !isKey(fieldValue(fields, "sec-websocket-key") ?? "");
}

/** The protocol that the client asks to go over to. RFC 9110 §7.8: over TLS, an upgrade to cleartext HTTP/2 is ignored. */
export function wantedTunnel({ tunnelOffer }: ServerExchange): string | undefined {
  const protocol = tunnelOffer?.protocol;
  return protocol?.toLowerCase().startsWith("h2c") ? undefined : protocol;
}

/** The status for a failure (RFC 9110 §15.6.3, §15.6.4, §15.6.5). */
export function describeFailure(kind: FailureKind, error: Error): { status: number; reason: string } {
  if (kind === "busy") return { status: 503, reason: "the server behind this proxy is busy" };
  if (kind === "late") return { status: 504, reason: "the server behind this proxy did not respond in time" };
  if (error instanceof RequestStalledError) return { status: 408, reason: "the request's content did not arrive" };
  switch (error instanceof ClientError ? error.code : undefined) {
    case "REQUEST_INVALID":
      return (error.cause as { code?: unknown } | undefined)?.code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"
        ? { status: 400, reason: "the content does not match its content-length" }
        : { status: 400, reason: "the request cannot be passed on" };
    case "CONNECT_TIMEOUT":
      return { status: 504, reason: "the server behind this proxy could not be reached in time" };
    case "CONNECTION_REFUSED":
      return { status: 502, reason: "the server behind this proxy refused the connection" };
    case "NAME_NOT_FOUND":
    case "CONNECTION_FAILED":
      return { status: 502, reason: "the server behind this proxy could not be reached" };
    default:
      return { status: 502, reason: "the server behind this proxy gave no usable response" };
  }
}
