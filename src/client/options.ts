// What createClient may be told, and what it takes for granted.
import { pemText } from "../host/certificates/pem.ts";
import type { DialerSettings } from "../host/client/dialer.ts";
import type { Http3Connector } from "../host/client/http3.ts";
import { ownHttp3 } from "../host/client/own-http3.ts";
import type { Resolve } from "../host/client/resolve.ts";
import type { Protocol } from "../host/client/session.ts";
import type { HostClock } from "../host/clock.ts";
import { isHttp3Disabled } from "../host/http3-switch.ts";
import { duration } from "../host/timer.ts";

export interface ClientOptions {
  /** Allowed protocols, the preferred one first. Default: h3, h2, http/1.1. */
  readonly protocols?: readonly Protocol[];
  /** Authorities to trust, as PEM, in place of Node's own. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** False accepts any certificate, and with it any impostor. Default: true. */
  readonly rejectUnauthorized?: boolean;
  /** Called with every line of the TLS key log (RFC 9850), over TCP and QUIC alike. Whoever has them can read the traffic. */
  readonly keylog?: ((line: string) => void) | undefined;
  /** Addresses for a host and port, in place of the system's lookup. */
  readonly resolve?: Resolve | undefined;
  /** Milliseconds for lookup, connection and handshake together; 0 or Infinity for no limit. Default: 10 s. */
  readonly connectTimeout?: number;
  /** Milliseconds from the request to the response's head; 0 or Infinity for no limit. Default: 300 s. */
  readonly headersTimeout?: number;
  /** Milliseconds without a byte of the body while one is wanted; 0 or Infinity for no limit. Default: 300 s. */
  readonly bodyTimeout?: number;
  /**
   * Milliseconds that an unused TCP connection is kept; Infinity keeps it until the server closes it. Default: 4 s for
   * HTTP/1.1 unless the server says otherwise, 60 s for HTTP/2.
   */
  readonly idleTimeout?: number;
  /** HTTP/1.1 connections per origin; HTTP/2 and HTTP/3 have one. Default: 16. */
  readonly maxConnections?: number;
  /** Milliseconds that HTTP/3 is tried alone before TCP joins; Infinity until it has failed. Default: 250. */
  readonly headStart?: number;
  /** False leaves content-encoding to the caller, and asks for none. Default: true. */
  readonly decompress?: boolean;
  /** Default: "nagare". */
  readonly userAgent?: string;
  /** What speaks HTTP/3, in place of our own stack. */
  readonly http3?: Http3Connector | undefined;
}

export interface ClientSettings extends DialerSettings {
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly maxConnections: number;
  readonly headStart: number;
  readonly decompress: boolean;
  readonly userAgent: string;
}

const PROTOCOLS: readonly Protocol[] = ["h3", "h2", "http/1.1"];

export function settingsFrom(options: ClientOptions, clock: HostClock): ClientSettings {
  const protocols = options.protocols ?? PROTOCOLS;
  const unknown = protocols.find((each) => !PROTOCOLS.includes(each));
  if (unknown !== undefined)
    throw new TypeError(`unknown protocol "${unknown}": the protocols are ${PROTOCOLS.join(", ")}`);
  const allowed = isHttp3Disabled() ? protocols.filter((each) => each !== "h3") : protocols;
  if (allowed.length === 0 && protocols.length > 0)
    throw new TypeError("NAGARE_DISABLE_H3 is set, and HTTP/3 is the only protocol allowed: allow another");
  if (protocols.length === 0) throw new TypeError("protocols is empty: name at least one");
  return {
    protocols: allowed,
    ca: pemList(options.ca),
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    keylog: options.keylog,
    resolve: options.resolve,
    connectTimeout: duration("connectTimeout", options.connectTimeout ?? 10_000),
    headersTimeout: duration("headersTimeout", options.headersTimeout ?? 300_000),
    bodyTimeout: duration("bodyTimeout", options.bodyTimeout ?? 300_000),
    idleTimeout: options.idleTimeout === undefined ? undefined : duration("idleTimeout", options.idleTimeout),
    maxConnections: options.maxConnections ?? 16,
    headStart: duration("headStart", options.headStart ?? 250),
    decompress: options.decompress ?? true,
    userAgent: options.userAgent ?? "nagare",
    http3: options.http3 ?? ownHttp3(),
    clock,
  };
}

function pemList(ca: ClientOptions["ca"]): readonly string[] | undefined {
  if (ca === undefined) return undefined;
  const list = Array.isArray(ca) ? ca : [ca as string | Uint8Array];
  return list.map((each: string | Uint8Array) => pemText(each));
}
