/** What the access log says about a request. */

import type { HttpVersion } from "../../../host/http/exchange.ts";
import { fieldValue } from "../../../http/index.ts";
import { networkOf } from "../addresses/client-key.ts";
import type { ObservedExchange } from "../observed-exchange.ts";
import { isSensitiveField, type QueryPolicy, REDACTED, redactedReferer, redactedTarget } from "./redaction.ts";

/** What is logged of client addresses: all of it, the network (/24 or /48), or nothing. */
export type AddressPolicy = "full" | "network" | "none";

export interface RecordOptions {
  /** "names" by default: values are replaced, because they may be tokens or personal data. */
  readonly query?: QueryPolicy | undefined;
  /** "full" by default. */
  readonly address?: AddressPolicy | undefined;
  /**
   * Names of request fields to log as well. The values of fields that carry credentials (authorization, cookie and others)
   * are always replaced.
   */
  readonly fields?: readonly string[] | undefined;
}

/** What the access log says about a WebTransport session. */
export interface SessionRecord {
  /** "h3 draft-02", "websocket qmux-02". */
  readonly carrier: string;
  /** The subprotocol; "" if none. */
  readonly protocol: string;
  /** Opened by the client, and by the server. */
  readonly streamsIn: number;
  readonly streamsOut: number;
  /** Content of streams. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly datagramsIn: number;
  readonly datagramsOut: number;
  /** Of either direction: full queues, old ones, and those that were too large. */
  readonly datagramsDropped: number;
  /** Undefined if the session was cut off. */
  readonly closeCode: number | undefined;
  readonly reason: string | undefined;
}

/** One line of the access log. Members that are undefined are left out. */
export interface RequestRecord {
  /** ISO 8601, in UTC: when the request arrived. */
  readonly time: string;
  /** The host name of the request, in lower case and without the port. */
  readonly site: string;
  readonly remoteAddress: string;
  readonly protocol: HttpVersion;
  readonly method: string;
  readonly authority: string;
  /** The path, and of the query what the policy allows. */
  readonly path: string;
  /** Undefined if there was no response. */
  readonly status: number | undefined;
  /** True if the client or the server aborted the exchange. */
  readonly aborted: boolean;
  /** Bytes of content, without heads and framing. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** From the request's head to the end of the exchange. */
  readonly milliseconds: number;
  /** From the request's head to the response's; undefined if there was no response. */
  readonly firstByteMilliseconds: number | undefined;
  readonly requestId: string | undefined;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
  /** The origin that answered, if the request was proxied. */
  readonly upstream: string | undefined;
  /** The WebTransport session that the request opened, as it was when the request ended. */
  readonly session: SessionRecord | undefined;
  /** The fields that `fields` names. */
  readonly fields: Readonly<Record<string, string>> | undefined;
}

export function recordOf(exchange: ObservedExchange, options: RecordOptions = {}): RequestRecord {
  const { query = "names", address = "full", fields: wanted = [] } = options;
  const { protocol, method, authority, status, aborted, identification, receivedFields, upstream } = exchange;
  const referer = fieldValue(receivedFields, "referer");
  return {
    time: new Date(exchange.time).toISOString(),
    site: siteOf(authority),
    remoteAddress: addressFor(exchange.clientAddress, address),
    protocol,
    method,
    authority,
    path: redactedTarget(exchange.path, query),
    status,
    aborted: aborted !== undefined,
    bytesIn: exchange.receivedBytes,
    bytesOut: exchange.sentBytes,
    milliseconds: rounded(exchange.milliseconds),
    firstByteMilliseconds:
      exchange.firstByteMilliseconds === undefined ? undefined : rounded(exchange.firstByteMilliseconds),
    requestId: identification?.request?.id,
    traceId: identification?.trace?.traceId,
    spanId: identification?.trace?.spanId,
    userAgent: fieldValue(receivedFields, "user-agent"),
    referer: referer === undefined ? undefined : redactedReferer(referer, query),
    upstream,
    session: sessionOf(exchange),
    fields: wanted.length === 0 ? undefined : chosenFields(exchange, wanted),
  };
}

function sessionOf(exchange: ObservedExchange): SessionRecord | undefined {
  const session = exchange.inspectSession?.();
  if (session === undefined) return undefined;
  const { carrier, version, protocol, streams, bytesSent, bytesReceived, datagrams, closeCode, reason } = session;
  return {
    carrier: `${carrier} ${version}`,
    protocol,
    streamsIn: streams.incoming,
    streamsOut: streams.outgoing,
    bytesIn: bytesReceived,
    bytesOut: bytesSent,
    datagramsIn: datagrams.received,
    datagramsOut: datagrams.sent,
    datagramsDropped: datagrams.droppedIncoming + datagrams.expiredIncoming + datagrams.droppedOutgoing,
    closeCode,
    reason,
  };
}

/** The host name of an authority, without the port. */
export function siteOf(authority: string): string {
  const port = /:\d*$/.exec(authority);
  const host = port === null || authority.endsWith("]") ? authority : authority.slice(0, port.index);
  return host.toLowerCase();
}

/** As much of an address as the policy allows. */
export function addressFor(address: string, policy: AddressPolicy): string {
  if (policy === "full") return address;
  return policy === "network" ? networkOf(address) : "";
}

function chosenFields({ receivedFields }: ObservedExchange, wanted: readonly string[]): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const name of wanted) {
    const value = fieldValue(receivedFields, name.toLowerCase());
    if (value !== undefined) chosen[name.toLowerCase()] = isSensitiveField(name) ? REDACTED : value;
  }
  return chosen;
}

/** To microseconds. */
const rounded = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
