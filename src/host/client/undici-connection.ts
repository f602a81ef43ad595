/** What undici's option `connect` gets, and where it leads. */

import { type ConnectionOptions, type Socket, secureWith, type TLSSocket } from "./stream-attempt.ts";

/** What undici passes to its option `connect`. */
export interface UndiciConnection {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string;
  readonly servername?: string | null;
  readonly localAddress?: string | null;
  /** Of a proxy's tunnel, for TLS above it. */
  readonly httpSocket?: Socket;
}

export interface UndiciTarget {
  readonly host: string;
  readonly port: number;
  readonly alpn: readonly string[];
  /** Puts TLS on a socket; undefined for http. */
  readonly secure: ((socket: Socket) => TLSSocket) | undefined;
}

export function undiciTarget(
  { hostname, protocol, port, servername }: UndiciConnection,
  { tls, allowH2 = false }: { readonly tls?: ConnectionOptions | undefined; readonly allowH2?: boolean | undefined },
): UndiciTarget {
  const alpn = allowH2 ? ["h2", "http/1.1"] : ["http/1.1"];
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const isSecure = protocol === "https:";
  const secure = (socket: Socket): TLSSocket => secureWith(socket, servername ?? host, { ALPNProtocols: alpn, ...tls });
  return {
    host,
    port: port === "" ? (isSecure ? 443 : 80) : Number(port),
    alpn,
    secure: isSecure ? secure : undefined,
  };
}
