// The options of createClient and their defaults.
import type { HstsStore } from "../agent/hsts/index.ts";

import { ClientHints, SecureOrigins } from "../agent/index.ts";
import { type Identity, loadIdentity } from "../host/certificates/identity.ts";
import { pemText } from "../host/certificates/pem.ts";
import type { AddressSource, Resolver } from "../host/client/addresses.ts";
import type { ConnectTo, DialerSettings } from "../host/client/dialer.ts";
import type { Http3Connector } from "../host/client/http3.ts";
import type { LocalSource } from "../host/client/local-source.ts";
import { ownHttp3, type SocketsOver } from "../host/client/own-http3.ts";
import type { Resolve } from "../host/client/resolve.ts";
import type { Protocol } from "../host/client/session.ts";
import type { HostClock } from "../host/clock.ts";
import type { ClientCookies } from "../host/cookies/client-cookies.ts";
import { engineChoice } from "../host/engine/choice.ts";
import { isHttp3Disabled } from "../host/http3-switch.ts";
import type { QuicMetrics } from "../host/metrics/quic-metrics.ts";
import { type QlogOptions, qlogSettings } from "../host/qlog/options.ts";
import type { QuicClientOptions } from "../host/quic/quic-options.ts";
import { duration } from "../host/timer.ts";
import { GEO_HINT } from "../http/index.ts";
import type { AltSvcStore } from "./alt-svc-store.ts";
import { type HappyEyeballsOptions, raceSettings } from "./happy-eyeballs.ts";
import { geoHintFrom } from "./ip-geo.ts";
import { Notices, type ResourceNotice } from "./notices.ts";

/** The options of `createClient`. All are optional; durations are in milliseconds. */
export interface ClientOptions {
  /** Allowed protocols in order of preference. Default: h3, h2, http/1.1. */
  readonly protocols?: readonly Protocol[];
  /** Authorities to trust instead of Node's own, as PEM. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** The certificate with which the client authenticates itself to servers that ask for one, and its chain, as PEM. */
  readonly cert?: string | Uint8Array | undefined;
  /** The certificate's private key, as PEM. */
  readonly key?: string | Uint8Array | undefined;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
  /** If false, accepts any certificate, and thus any impostor. Default: true. */
  readonly rejectUnauthorized?: boolean;
  /**
   * True to send GET, HEAD and OPTIONS requests without content in 0-RTT when an HTTP/3 session is resumed. It saves a round
   * trip, but an attacker can make a server see them twice (RFC 8470). Default: false; sessions are resumed nevertheless.
   */
  readonly earlyData?: boolean;
  /** Called with each TLS key log line (RFC 9850), for TCP and QUIC. The lines allow decrypting the traffic. */
  readonly keylog?: ((line: string) => void) | undefined;
  /**
   * How the addresses of a host are raced as answers arrive, over QUIC and TCP (Happy Eyeballs): another version, other delays, or
   * with HTTPS records. Default: version 3 without records.
   */
  readonly happyEyeballs?: true | HappyEyeballsOptions | undefined;
  /** Resolves a host and port to addresses instead of the system's lookup. */
  readonly resolve?: Resolve | undefined;
  /**
   * What to ask for A, AAAA and HTTPS records in place of the system's lookup, such as what `createResolver` makes. Names are taken
   * as absolute; `localhost` stays this machine. `resolve` is asked first. Default: the system's lookup, without HTTPS records.
   */
  readonly resolver?: Resolver | undefined;
  /**
   * Where to connect instead of a URL's host and port; undefined to go there. The request and the certificate are still those of the
   * URL. Default: always there.
   */
  readonly connectTo?: ConnectTo | undefined;
  /**
   * Where connections leave this machine: one of its IP addresses, or the name of an interface, whose address of each family is used.
   * Hosts are then only tried over the families that it has. Name servers are asked as ever. Default: the system chooses.
   */
  readonly localAddress?: string | undefined;
  /** Milliseconds for lookup, connection and handshake in total; 0 or Infinity for no limit. Default: 10 s. */
  readonly connectTimeout?: number;
  /** Milliseconds from the request to the response head; 0 or Infinity for no limit. Default: 300 s. */
  readonly headersTimeout?: number;
  /** Milliseconds without body data while the caller is reading; 0 or Infinity for no limit. Default: 300 s. */
  readonly bodyTimeout?: number;
  /**
   * Milliseconds to keep an idle TCP connection; Infinity keeps it until the server closes it. Default: 4 s for
   * HTTP/1.1 unless the server says otherwise, 60 s for HTTP/2.
   */
  readonly idleTimeout?: number;
  /** Maximum number of HTTP/1.1 connections per origin; HTTP/2 and HTTP/3 use one. Default: 16. */
  readonly maxConnections?: number;
  /** Milliseconds to try only HTTP/3 before also trying TCP; Infinity until HTTP/3 has failed. Default: 250. */
  readonly headStart?: number;
  /**
   * True to open a second connection beside one on which requests wait and the server has been silent for three probe
   * timeouts (RFC 9002 §6.2): it may have restarted. Default: true.
   */
  readonly replaceSilent?: boolean;
  /**
   * Values of client hints, such as `{ "Sec-CH-IP-Geo": '"US"' }`: sent over https to origins that ask for them (RFC 8942). A hint that
   * such an origin calls critical makes the client send a GET, HEAD or OPTIONS again, once. Default: none.
   */
  readonly clientHints?: Readonly<Record<string, string>> | undefined;
  /**
   * An entry of a geofeed (RFC 8805) about the address by which this machine leaves its network, such as
   * "192.0.2.0/24,US,US-AL,Alabaster,": sent as the client hint Sec-CH-IP-Geo, by the rules of `clientHints`. Several lines are a
   * feed, in which the machine's own public addresses are looked up. If it has some, and none is in the feed, nothing is sent.
   * Default: none. Experimental.
   */
  readonly ipGeo?: string | undefined;
  /**
   * Told what a response says about the end of its resource (Deprecation, Sunset and their links): once for each resource, and again
   * if that changes. A query does not make a resource another one. Experimental.
   */
  readonly onNotice?: ((notice: ResourceNotice) => void) | undefined;
  /** The jar whose cookies requests carry, and that keeps those of responses, redirects included. Default: no cookies. */
  readonly cookies?: ClientCookies | undefined;
  /**
   * The hosts that are only reached over TLS (RFC 6797): their `http` URLs become `https`, and what responses say is noted, unless
   * certificates are not verified. Default: none.
   */
  readonly hsts?: HstsStore | undefined;
  /**
   * The alternative services that origins have advertised (RFC 7838), for several clients, or to keep them. With
   * `rejectUnauthorized: false`, nothing is added. Default: a memory of the client's own.
   */
  readonly altSvc?: AltSvcStore | undefined;
  /**
   * True to send requests over another origin's HTTP/2 or HTTP/3 connection whose certificate holds for both, if the host has its
   * address or the server names the origin in an ORIGIN frame (RFC 9113 §9.1.1, RFC 8336). Default: false.
   */
  readonly coalesce?: boolean;
  /**
   * True to open connections that `Link: rel=preconnect` of responses and of 103 asks for, and the `preconnectHint` of HTTPS records:
   * at most four of each, six at once, only https, and to private names only from private pages. Each is closed after 10 s without a
   * request. Default: false.
   */
  readonly preconnect?: boolean;
  /** If false, requests no content coding and leaves decoding to the caller. Default: true. */
  readonly decompress?: boolean;
  /** Default: "nagare". */
  readonly userAgent?: string;
  /**
   * True to let `reprioritize` work over HTTP/2, too, with servers that read PRIORITY_UPDATE frames (RFC 9218 §7.1). It costs CPU: all
   * bytes of such connections go through JavaScript. Default: false.
   */
  readonly http2PriorityUpdate?: boolean;
  /** The versions of QUIC, for HTTP/3. */
  readonly quic?: QuicClientOptions | undefined;
  /**
   * What opens UDP sockets and protects packets for HTTP/3: "portable" uses only Node's own modules. Default: "auto", the
   * fast engine where it works, unless NAGARE_ENGINE says otherwise.
   */
  readonly engine?: "auto" | "portable";
  /**
   * Records each HTTP/3 connection in qlog, for tools such as qvis: the folder for the files, or options. Default: no
   * recording.
   */
  readonly qlog?: string | QlogOptions | undefined;
  /** Counts what HTTP/3's connections do. Default: nothing is counted. */
  readonly metrics?: QuicMetrics | undefined;
  /**
   * Sends everything through a proxy for UDP (RFC 9298), which also looks names up: HTTP/3 through HTTP/3, 2 or 1.1. The
   * only protocol is then "h3". Give the proxy's URL or URI Template, or options. Experimental.
   */
  readonly udpVia?: string | URL | UdpViaOptions | undefined;
  /** An HTTP/3 implementation to use instead of our own. */
  readonly http3?: Http3Connector | undefined;
}

/** A proxy for UDP. */
export interface UdpViaOptions {
  /** Its URL, for the default template, or its URI Template. */
  readonly url: string | URL;
  /** Fields of each request to it, such as `proxy-authorization`. */
  readonly headers?: Headers | Record<string, string> | undefined;
  /** The options of the client that connects to it. By default those about certificates of authorities, `resolve`, `resolver`, `localAddress` and the engine are ours. */
  readonly client?: ClientOptions | undefined;
}

export interface ClientSettings extends DialerSettings {
  readonly addresses: AddressSource;
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly maxConnections: number;
  readonly headStart: number;
  readonly replaceSilent: boolean;
  readonly coalesce: boolean;
  readonly preconnect: boolean;
  readonly decompress: boolean;
  readonly userAgent: string;
  readonly cookies: ClientCookies | undefined;
  readonly hsts: HstsStore | undefined;
  readonly hints: ClientHints | undefined;
  readonly notices: Notices;
  readonly secureOrigins: SecureOrigins;
  /** False to take no notice of what origins advertise: an impostor's word would outlast the client. */
  readonly notesAltSvc: boolean;
}

const PROTOCOLS: readonly Protocol[] = ["h3", "h2", "http/1.1"];

/** `through` opens the sockets for `udpVia`. */
export function settingsFrom(options: ClientOptions, clock: HostClock, through?: SocketsOver): ClientSettings {
  const protocols = options.protocols ?? (options.udpVia === undefined ? PROTOCOLS : ["h3"]);
  const tcp = options.udpVia === undefined ? undefined : protocols.find((each) => each !== "h3");
  if (tcp !== undefined) throw new TypeError(`udpVia and the protocol "${tcp}": only "h3" goes through a UDP proxy`);
  const unknown = protocols.find((each) => !PROTOCOLS.includes(each));
  if (unknown !== undefined)
    throw new TypeError(`unknown protocol "${unknown}": the protocols are ${PROTOCOLS.join(", ")}`);
  const allowed = isHttp3Disabled() ? protocols.filter((each) => each !== "h3") : protocols;
  if (allowed.length === 0 && protocols.length > 0)
    throw new TypeError("NAGARE_DISABLE_H3 is set, but HTTP/3 is the only allowed protocol; allow another");
  if (protocols.length === 0) throw new TypeError("protocols is empty; give at least one");
  const qlog = options.qlog === undefined ? undefined : qlogSettings(options.qlog);
  const race = raceSettings(options.happyEyeballs, clock, options.resolver, options.localAddress);
  return {
    protocols: allowed,
    ca: pemList(options.ca),
    identity: identityOf(options),
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    earlyData: options.earlyData ?? false,
    keylog: options.keylog,
    resolve: options.resolve,
    connectTo: options.connectTo,
    connectTimeout: duration("connectTimeout", options.connectTimeout ?? 10_000),
    headersTimeout: duration("headersTimeout", options.headersTimeout ?? 300_000),
    bodyTimeout: duration("bodyTimeout", options.bodyTimeout ?? 300_000),
    idleTimeout: options.idleTimeout === undefined ? undefined : duration("idleTimeout", options.idleTimeout),
    http2PriorityUpdate: options.http2PriorityUpdate ?? false,
    maxConnections: options.maxConnections ?? 16,
    headStart: duration("headStart", options.headStart ?? 250),
    replaceSilent: options.replaceSilent ?? true,
    preconnect: options.preconnect ?? false,
    coalesce: options.coalesce ?? false,
    decompress: options.decompress ?? true,
    userAgent: options.userAgent ?? "nagare",
    cookies: options.cookies,
    hsts: options.hsts,
    hints: hintsFrom(options, race.local),
    notices: new Notices(options.onNotice, clock),
    notesAltSvc: options.altSvc === undefined || options.rejectUnauthorized !== false,
    secureOrigins: new SecureOrigins(),
    race,
    addresses: race.addresses,
    namesAreRemote: options.udpVia !== undefined,
    http3: options.http3 ?? ownHttp3(options.quic, engineChoice(options.engine), qlog, options.metrics?.trace, through),
    clock,
  };
}

function hintsFrom(
  { clientHints, ipGeo, udpVia }: ClientOptions,
  local: LocalSource | undefined,
): ClientHints | undefined {
  if (clientHints === undefined && ipGeo === undefined) return undefined;
  const geo = ipGeo === undefined ? {} : { [GEO_HINT]: geoHintFrom(ipGeo, udpVia !== undefined, local) };
  return new ClientHints({ ...clientHints, ...geo });
}

/** Throws an `IdentityError` if the certificate or its key cannot be used. */
function identityOf({ cert, key, passphrase }: ClientOptions): Identity | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw new TypeError("key is given without cert; give the certificate too");
  if (key === undefined) throw new TypeError("cert is given without key; give its private key too");
  return loadIdentity({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) });
}

function pemList(ca: ClientOptions["ca"]): readonly string[] | undefined {
  if (ca === undefined) return undefined;
  const list = Array.isArray(ca) ? ca : [ca as string | Uint8Array];
  return list.map((each: string | Uint8Array) => pemText(each));
}
