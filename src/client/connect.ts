// The client's `connect`: a tunnel as web streams.
import { ClientError } from "../host/client/errors.ts";
import type { Protocol } from "../host/client/session.ts";
import { type TunnelStreams, tunnelStreams } from "../host/http/tunnel-streams.ts";
import { isAuthority, isHttp1Only, isToken } from "../http/index.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";
import { type OpenedTunnel, openTunnel } from "./tunnel.ts";

/** What a tunnel is for, and the fields of its request. */
export interface ConnectInit {
  /**
   * The protocol of the tunnel, by its token in the registry of HTTP upgrade tokens: "websocket", "connect-udp". It goes into
   * `upgrade` of HTTP/1.1, and `:protocol` of HTTP/2 and HTTP/3 (RFC 8441, RFC 9220).
   */
  readonly protocol?: string | undefined;
  /** The host and port to reach with a plain CONNECT through the proxy at the URL: "example.com:443". */
  readonly target?: string | undefined;
  readonly headers?: Headers | Record<string, string> | readonly (readonly [string, string])[];
  readonly signal?: AbortSignal | undefined;
}

/** An open tunnel. */
export interface ClientTunnel extends TunnelStreams {
  /** 101 over HTTP/1.1, otherwise 2xx. */
  readonly status: number;
  readonly headers: Headers;
  /** The version of HTTP that carries it. */
  readonly protocol: Protocol;
  readonly remoteAddress: string;
}

export async function connectWith(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  url: string | URL,
  init: ConnectInit,
): Promise<ClientTunnel> {
  const opened = await openRawTunnel(originOf, settings, url, init);
  const session = opened.exchange.session!;
  const headers = new Headers();
  for (const [name, value] of opened.fields) headers.append(name, value);
  return {
    ...tunnelStreams(opened.tunnel, undefined),
    status: opened.status,
    headers,
    protocol: session.protocol,
    remoteAddress: session.remoteAddress,
  };
}

/** The same for protocols of our own, which need neither streams nor `Headers`. */
export function openRawTunnel(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  given: string | URL,
  { protocol, target, headers, signal }: ConnectInit,
): Promise<OpenedTunnel> {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new ClientError("REQUEST_INVALID", `"${given}" is not an http:// or https:// URL`);
  }
  if ((protocol === undefined) === (target === undefined)) {
    throw new ClientError("REQUEST_INVALID", "a tunnel needs either a protocol, or the target of a plain CONNECT");
  }
  if (protocol !== undefined && !isToken(protocol)) {
    throw new ClientError("REQUEST_INVALID", `"${protocol}" is not the name of a protocol`);
  }
  if (target !== undefined && !(isAuthority(target) && /:\d{1,5}$/.test(target))) {
    throw new ClientError("REQUEST_INVALID", `"${target}" is not a host and port, such as example.com:443`);
  }
  const fields = [...new Headers(headers as Record<string, string> | undefined)].filter(
    ([name, value]) => name !== "host" && name !== "content-length" && !isHttp1Only(name, value),
  );
  const withAgent = fields.some(([name]) => name === "user-agent") || settings.userAgent === "";
  const lines = withAgent ? fields : [...fields, ["user-agent", settings.userAgent] as const];
  return openTunnel(
    originOf(url),
    { url, head: { protocol, authority: target ?? url.host, fields: lines }, signal },
    settings,
  );
}
