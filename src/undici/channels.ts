// undici's diagnostics channels (`undici:request:*`, `undici:client:*`), with the shapes that undici documents.
// OpenTelemetry's and Sentry's instrumentations listen to them, and add their headers in `undici:request:create`.
import { type Channel, channel } from "node:diagnostics_channel";
import type { ClientRequestHead, Session } from "../host/client/session.ts";
import type { DispatchBody } from "./body.ts";
import { RequestFields } from "./fields.ts";
import type { RawFields } from "./handlers.ts";
import type { DispatchOptions } from "./options.ts";

const channels = {
  create: channel("undici:request:create"),
  bodyChunkSent: channel("undici:request:bodyChunkSent"),
  bodySent: channel("undici:request:bodySent"),
  headers: channel("undici:request:headers"),
  bodyChunkReceived: channel("undici:request:bodyChunkReceived"),
  trailers: channel("undici:request:trailers"),
  error: channel("undici:request:error"),
  sendHeaders: channel("undici:client:sendHeaders"),
  connected: channel("undici:client:connected"),
  connectError: channel("undici:client:connectError"),
};

/** Published as undici's own request: the same object on every channel. */
export class PublishedRequest extends RequestFields {
  readonly origin: string;
  readonly protocol: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly body: unknown;
  readonly idempotent: boolean;
  readonly upgrade: string | null;
  readonly servername: string | null;
  completed = false;
  aborted = false;

  constructor(origin: URL, path: string, options: DispatchOptions, body: DispatchBody | undefined) {
    super();
    const { method, idempotent, upgrade, servername, reset } = options;
    this.origin = origin.origin;
    this.protocol = origin.protocol;
    this.method = method;
    this.path = path;
    this.body = body === undefined ? null : options.body;
    this.idempotent = idempotent ?? (method === "HEAD" || method === "GET");
    this.upgrade = typeof upgrade === "string" ? upgrade : null;
    this.servername = servername ?? null;
    this.reset = reset ?? null;
  }

  publishCreate(): void {
    publish(channels.create, () => ({ request: this }));
  }

  publishSendHeaders(head: ClientRequestHead, session: Session): void {
    publish(channels.sendHeaders, () => ({ request: this, headers: headText(head), socket: socketOf(session) }));
  }

  publishBodyChunkSent(chunk: Uint8Array): void {
    publish(channels.bodyChunkSent, () => ({ request: this, chunk }));
  }

  publishBodySent(): void {
    publish(channels.bodySent, () => ({ request: this }));
  }

  publishHeaders(statusCode: number, headers: RawFields, statusText: string): void {
    publish(channels.headers, () => ({ request: this, response: { statusCode, headers, statusText } }));
  }

  publishBodyChunkReceived(chunk: Buffer): void {
    publish(channels.bodyChunkReceived, () => ({ request: this, chunk }));
  }

  publishTrailers(trailers: RawFields): void {
    this.completed = true;
    publish(channels.trailers, () => ({ request: this, trailers }));
  }

  publishError(error: Error): void {
    publish(channels.error, () => ({ request: this, error }));
    this.aborted = true;
  }
}

/** A new connection. On HTTP/1.1 undici publishes it, as the connection is one of its own. */
export function publishConnected(url: URL, session: Session): void {
  if (session.protocol === "http/1.1") return;
  const message = () => ({ connectParams: connectParams(url, session), socket: socketOf(session) });
  publish(channels.connected, message);
}

export function publishConnectError(url: URL, error: Error): void {
  publish(channels.connectError, () => ({ connectParams: connectParams(url), error }));
}

function publish(target: Channel, message: () => object): void {
  if (target.hasSubscribers) target.publish(message());
}

function connectParams(url: URL, session?: Session): object {
  const { host, hostname, protocol, port } = url;
  const version = session?.protocol.replace(/^http\/1\.1$/, "h1");
  return { host, hostname: hostname.replace(/^\[(.*)\]$/, "$1"), protocol, port, version, servername: hostname };
}

/** A connection may be QUIC's, which has no socket of its own. */
function socketOf({ remoteAddress, remotePort, protocol }: Session): object {
  const remoteFamily = remoteAddress.includes(":") ? "IPv6" : "IPv4";
  return { remoteAddress, remotePort, remoteFamily, encrypted: true, alpnProtocol: protocol };
}

/** The head as HTTP/1.1 would have it. */
function headText({ method, path, authority, fields }: ClientRequestHead): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n${lines.join("")}`;
}
