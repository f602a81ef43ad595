// Opens HTTP/3 connections: one UDP socket each, the QUIC handshake, and verification of the server's certificate.
import { CONNECTION_ATTEMPT_DELAY } from "../../agent/index.ts";
import { type Instant, type Micros, seconds } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import {
  type CloseReason,
  type Connection,
  type ConnectionEvent,
  connectionConfig,
  Endpoint,
  TRANSPORT_ERRORS,
} from "../../quic/index.ts";
import { ALERTS, type CipherSuiteName, createTlsClient } from "../../tls/index.ts";
import { millisNow, wallTime } from "../clock.ts";
import { detach, type Fault, guard, ignore } from "../guard.ts";
import { describeClose } from "../quic/close-reason.ts";
import { connectionIds } from "../quic/connection-ids.ts";
import { QuicDriver } from "../quic/driver.ts";
import { pathFeatures, type QuicEnvironment, systemEnvironment } from "../quic/environment.ts";
import {
  checkGroups,
  congestionControlNamed,
  handshakeLimit,
  idleLimit,
  QUIC_VERSIONS,
  type QuicClientOptions,
  type VersionNumbers,
  versionNumbers,
} from "../quic/quic-options.ts";
import { endpointTrace } from "../quic/tracing.ts";
import { SMALL_SEND_ARENA } from "../udp/portable-socket.ts";
import { ClientSockets, type OpenSocket } from "./client-sockets.ts";
import { ClientError } from "./errors.ts";
import type { QuicHttp3Session } from "./h3-session.ts";
import type { Http3Connector } from "./http3.ts";
import { explainLocal } from "./local-source.ts";
import { type ChoosePreferred, choosePreferred } from "./preferred-address.ts";
import { type ClientProtocols, type DialedProtocol, HTTP3_ONLY } from "./quic-protocols.ts";
import type { DialOptions, ResolvedAddress } from "./session.ts";
import { type KeptSession, SessionStore, serverKey } from "./session-store.ts";
import { staggered } from "./staggered.ts";
import { TokenStore } from "./token-store.ts";
import { judgeCertificate } from "./verdict.ts";

/** Unread bytes of all responses of a connection; above this, its other responses are blocked. */
const MAX_UNREAD = 64 * 1024 * 1024;

/** HTTP/3 needs three; a WebTransport session uses the rest. */
const MAX_UNI_STREAMS = 256;

/** With options for test programs, beyond those of clients. */
export interface QuicDialerOptions extends QuicClientOptions {
  /** In order of preference; all by default. */
  readonly cipherSuites?: readonly CipherSuiteName[];
  readonly choosePreferred?: ChoosePreferred;
  /** The largest datagram that path MTU discovery probes for; 1200 turns it off. */
  readonly maxDatagramSize?: number | undefined;
  /** Packets per 1-RTT key before a key update (RFC 9001 §6.6). */
  readonly keyUpdateAfter?: number | undefined;
}

export function createHttp3Connector(
  environment: QuicEnvironment = systemEnvironment,
  quic: QuicDialerOptions = {},
  protocols: ClientProtocols<QuicHttp3Session> = HTTP3_ONLY,
): Http3Connector {
  const connect = quicDialer(protocols, environment, quic);
  return { connect, async close() {} };
}

/** What the attempts of one dialer share. */
interface DialerParts
  extends Pick<QuicDialerOptions, "groups" | "cipherSuites" | "maxDatagramSize" | "keyUpdateAfter"> {
  readonly environment: QuicEnvironment;
  readonly congestionControl: CongestionControl;
  readonly idleTimeout: Micros | undefined;
  readonly sessions: SessionStore;
  readonly tokens: TokenStore;
  readonly preferred: ChoosePreferred;
}

/** Connects, and starts the protocol from the table that the server selected. */
export function quicDialer<P extends DialedProtocol>(
  protocols: ClientProtocols<P>,
  environment: QuicEnvironment = systemEnvironment,
  quic: QuicDialerOptions = {},
): (origin: string, options: DialOptions) => Promise<P> {
  const versions = versionNumbers(quic);
  const parts: DialerParts = {
    environment,
    groups: checkGroups(quic.groups),
    ...(quic.cipherSuites === undefined ? {} : { cipherSuites: quic.cipherSuites }),
    maxDatagramSize: quic.maxDatagramSize,
    keyUpdateAfter: quic.keyUpdateAfter,
    congestionControl: congestionControlNamed(quic.congestionControl),
    idleTimeout: quic.idleTimeout === undefined ? undefined : idleLimit(quic.idleTimeout),
    sessions: new SessionStore(),
    tokens: new TokenStore(),
    preferred: quic.choosePreferred ?? choosePreferred,
  };
  return (origin, options) => {
    return staggered({
      candidates: options.addresses,
      delay: CONNECTION_ATTEMPT_DELAY,
      signal: options.signal,
      clock: environment.clock,
      attempt: (address, signal) => dial(parts, origin, protocols, { ...options, signal }, versions, address),
      discard: (late) => late.destroy(new ClientError("CLIENT_CLOSED", "another address was faster")),
      // Another address of the same host would present the same certificate.
      isFinal: (error) => error instanceof ClientError && error.code.startsWith("CERTIFICATE_"),
    });
  };
}

/** The first flight of an attempt to connect. */
interface Flight {
  readonly version: number | undefined;
  readonly followsNegotiation: boolean;
  readonly usesToken: boolean;
  /** True after a Version Negotiation packet that led nowhere: nothing authenticates it (RFC 9000 §21.12). */
  readonly distrusted: boolean;
}

/** What to try after a failure; undefined if it is final. */
function nextFlight(flight: Flight, error: unknown, first: number | undefined): Flight | undefined {
  if (!(error instanceof HandshakeFailure)) return undefined;
  const { reason } = error;
  // RFC 9368 §2.1: the server does not support the version of the first flight, but another one.
  if (reason.type === "version-negotiation" && reason.next !== undefined) {
    return { ...flight, version: reason.next, followsNegotiation: true };
  }
  // The packet may have been forged or damaged. If the server meant it, it sends it again.
  const ledNowhere =
    reason.type === "version-negotiation" ||
    (reason.type === "local" && reason.code === TRANSPORT_ERRORS.VERSION_NEGOTIATION_ERROR.code);
  if (ledNowhere) {
    return flight.distrusted ? undefined : { ...flight, version: first, followsNegotiation: false, distrusted: true };
  }
  // RFC 9000 §8.1.3: a server should ignore an invalid token of an earlier connection, but some refuse it.
  const isTokenRefused =
    reason.type === "peer" && reason.layer === "transport" && reason.code === TRANSPORT_ERRORS.INVALID_TOKEN.code;
  return isTokenRefused && flight.usesToken ? { ...flight, usesToken: false } : undefined;
}

/** draft-duke-httpbis-quic-version-alt-svc §3: a hint, which spares a negotiation. What the user has chosen comes before. */
function withHint(chosen: VersionNumbers, hint: readonly number[] = []): VersionNumbers {
  const first = hint.find((each) => QUIC_VERSIONS.includes(each));
  if (chosen.first !== undefined || first === undefined) return chosen;
  return { first, versions: [first, ...QUIC_VERSIONS.filter((each) => each !== first)] };
}

async function dial<P extends DialedProtocol>(
  parts: DialerParts,
  origin: string,
  protocols: ClientProtocols<P>,
  options: DialOptions,
  chosen: VersionNumbers,
  address: ResolvedAddress,
): Promise<P> {
  const { versions, first } = withHint(chosen, options.quicVersions);
  let flight: Flight = { version: first, followsNegotiation: false, usesToken: true, distrusted: false };
  for (;;) {
    try {
      return await dialFlight(parts, origin, protocols, options, versions, flight, address);
    } catch (error) {
      const next = nextFlight(flight, error, first);
      if (next === undefined) throw failureOf(error, origin, address, options);
      flight = next;
    }
  }
}

async function dialFlight<P extends DialedProtocol>(
  parts: DialerParts,
  origin: string,
  protocols: ClientProtocols<P>,
  options: DialOptions,
  versions: readonly number[] | undefined,
  { usesToken, version, followsNegotiation }: Flight,
  address: ResolvedAddress,
): Promise<P> {
  const { environment, groups, cipherSuites, congestionControl, sessions, tokens, preferred } = parts;
  const { maxDatagramSize, keyUpdateAfter, idleTimeout } = parts;
  const { rng, clock } = environment;
  const engine = await environment.loadEngine();
  const connectStart = millisNow(clock);
  const remote = { family: address.family, host: address.address, port: options.port };
  const open = socketOpener(environment, options.localAddress);
  const socket = await open(remote, undefined);
  const endpoint = new Endpoint({
    ...endpointTrace(environment.trace),
    config: connectionConfig({
      engine,
      rng,
      connectionIds: connectionIds(rng, clock),
      ...pathFeatures(environment, socket),
      keyLog: options.keylog !== undefined,
      keepAlive: seconds(15),
      // The caller's limit decides, not that of the handshake.
      ...(options.connectTimeout === undefined ? {} : { handshakeTimeout: handshakeLimit(options.connectTimeout) }),
      versions,
      congestionControl,
      ...(idleTimeout === undefined ? {} : { maxIdleTimeout: idleTimeout }),
      ...(maxDatagramSize === undefined ? {} : { maxDatagramSize }),
      ...(keyUpdateAfter === undefined ? {} : { keyUpdateAfter }),
      limits: { maxUnread: MAX_UNREAD, initialMaxStreamsUni: MAX_UNI_STREAMS },
      datagrams: {},
    }),
  });
  const driver = new QuicDriver(endpoint, [socket], environment);
  driver.onFault = ignore; // the fault ends the connection, and is the cause of its requests' failures
  const server = serverKey(options);
  // A token is bound to the client's address, which depends on that of the server.
  const serverAtAddress = `${server} ${address.address}`;
  const resumed: { kept?: KeptSession | undefined } = {};
  const connection = endpoint.connect(
    {
      remote,
      ...(environment.connect === undefined ? {} : { local: socket.address }),
      version,
      followsNegotiation,
      token: (negotiated) => (usesToken ? tokens.take(serverAtAddress, negotiated) : undefined),
      createTls: (transportParameters, facts) => {
        resumed.kept = sessions.take(serverAtAddress, facts.version());
        return createTlsClient({
          engine,
          rng,
          alpn: Object.keys(protocols),
          transportParameters,
          serverName: options.servername,
          keyLog: options.keylog !== undefined,
          wallTime: () => wallTime(clock),
          certificateCompression: environment.certificateCompression,
          ...(groups === undefined ? {} : { groups }),
          ...(cipherSuites === undefined ? {} : { cipherSuites }),
          identity: options.identity,
          session: resumed.kept?.session,
          earlyData: options.earlyData === true,
        });
      },
    },
    driver.now(),
  );
  try {
    const handshake = new DialedHandshake(connection, driver, options);
    socket.onRefused = () => handshake.refuse();
    await handshake.done;
    const handshakeEnd = millisNow(clock);
    const { lookupStart, lookupEnd, onChange } = options;
    const isEarly = !connection.isHandshakeComplete;
    // TLS only accepts a protocol that was offered.
    const sockets = new ClientSockets(connection, driver, open, preferred);
    const session = protocols[handshake.alpn!]!({
      connection,
      driver,
      sockets,
      onChange,
      origin,
      onKeyLog: options.keylog,
      serverFrames: options.serverFrames,
      chain: () => handshake.chain,
      timings: { lookupStart, lookupEnd, connectStart, handshakeStart: connectStart, handshakeEnd },
      rememberedSettings: isEarly ? resumed.kept?.settings : undefined,
      keepSession: ({ session: fresh, version }, settings) =>
        sessions.put(serverAtAddress, { session: fresh, version, settings }),
    });
    // A forged ICMP message must not end an established connection.
    socket.onRefused = isEarly
      ? () => session.destroy(failureOf(new Refused("the port is closed"), origin, address, options) as Error)
      : undefined;
    const listener = sockets.before(session);
    const handleEvent = (event: ConnectionEvent, now: Instant): void => {
      if (event.type === "verify-certificate") {
        // Early data was rejected along with the session.
        handshake.judge(event);
        return;
      }
      if (event.type === "new-token") tokens.put(serverAtAddress, event);
      if (event.type === "handshake-complete") socket.onRefused = undefined;
      if (event.type === "closed" && handshake.problem !== undefined) session.destroy(handshake.problem);
      listener.handleEvent(event, now);
    };
    driver.attach(connection, { handleEvent });
    for (const event of handshake.held) handleEvent(event, driver.now());
    return session;
  } catch (error) {
    // Tell the server, which would otherwise keep its half of the handshake until it times out.
    connection.close(0, "");
    await driver.close();
    throw error;
  }
}

/** Sockets for the connection's paths, from the same local address if one was given. */
const socketOpener =
  (environment: QuicEnvironment, localAddress: string | undefined): OpenSocket =>
  async (peer, movedTo) => {
    const local = movedTo ?? localAddress;
    try {
      return await (environment.connect?.(peer, SMALL_SEND_ARENA, local) ??
        environment.bind(0, local ?? (peer.family === 6 ? "::" : "0.0.0.0"), SMALL_SEND_ARENA));
    } catch (error) {
      // Who moves a connection is told the system's reason.
      throw (movedTo !== undefined || local === undefined ? undefined : explainLocal(error, local)) ?? error;
    }
  };

/** A connection attempt: waits until the connection can be used, and verifies the certificate. */
class DialedHandshake {
  readonly done: Promise<void>;
  /** Events from before the session existed, in order. */
  readonly held: ConnectionEvent[] = [];
  /** The selected protocol, once `done`. */
  alpn: string | undefined;
  /** The server's certificates. */
  chain: readonly Uint8Array[] | undefined;
  /** What is wrong with the certificate. */
  problem: ClientError | undefined;
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #options: DialOptions;
  #reject!: (reason: unknown) => void;

  constructor(connection: Connection, driver: QuicDriver, options: DialOptions) {
    this.#connection = connection;
    this.#driver = driver;
    this.#options = options;
    this.done = new Promise((resolve, reject) => {
      this.#reject = reject;
      const onAbort = guard(
        "client h3 abort",
        ({ error }) => reject(error),
        () => reject(options.signal.reason),
      );
      options.signal.addEventListener("abort", onAbort, { once: true });
      if (options.signal.aborted) onAbort();
      driver.attach(connection, {
        handleEvent: (event) => {
          switch (event.type) {
            case "key-log":
              options.keylog?.(event.line);
              break;
            case "verify-certificate":
              options.onProgress?.();
              this.judge(event);
              break;
            case "closed":
              this.held.push(event); // may come together with "connected"
              options.signal.removeEventListener("abort", onAbort);
              reject(this.problem ?? new HandshakeFailure(event.reason));
              break;
            default:
              this.held.push(event);
              if (event.type !== "connected") break;
              this.alpn = event.alpn;
              options.signal.removeEventListener("abort", onAbort);
              resolve();
          }
        },
      });
    });
  }

  /** The system reported that the port is unreachable. */
  refuse(): void {
    this.#reject(new Refused("the port is closed"));
  }

  judge({ chain }: Extract<ConnectionEvent, { type: "verify-certificate" }>): void {
    this.chain = chain;
    const onFault = (fault: Fault) => this.#driver.fail(this.#connection, fault);
    detach("client h3 certificate", onFault, this.#judge(chain));
  }

  async #judge(chain: readonly Uint8Array[]): Promise<void> {
    const refusal = await judgeCertificate(chain, this.#options, new Date(this.#driver.environment.clock.date()));
    this.problem = refusal?.error;
    const alert = refusal?.verdict?.alert ?? ALERTS.internal_error.code;
    this.#connection.certificateVerdict(refusal && { alert, reason: refusal.error.message }, this.#driver.now());
  }
}

class Refused extends Error {}

class HandshakeFailure extends Error {
  readonly reason: CloseReason;

  constructor(reason: CloseReason) {
    super(describeClose(reason));
    this.reason = reason;
  }
}

function failureOf(error: unknown, origin: string, address: ResolvedAddress, options: DialOptions): unknown {
  if (error instanceof Refused) {
    const where = `${options.servername} (${address.address}) port ${options.port} over QUIC (UDP)`;
    return new ClientError("CONNECTION_REFUSED", `nothing is listening at ${where}`, {
      cause: error,
      hint: "check the port, and that the server speaks HTTP/3",
    });
  }
  if (!(error instanceof HandshakeFailure)) return error;
  const { reason } = error;
  const where = `${origin} (${address.address} port ${options.port}, UDP)`;
  if (reason.type === "handshake-timeout" || reason.type === "idle-timeout") {
    return new ClientError("CONNECT_TIMEOUT", `no response over QUIC from ${where}`, { cause: error });
  }
  const isTls =
    (reason.type === "local" || reason.type === "peer") &&
    reason.layer === "transport" &&
    typeof reason.code === "number" &&
    reason.code >= 0x100 &&
    reason.code <= 0x1ff;
  return new ClientError(
    isTls ? "TLS_FAILED" : "CONNECTION_FAILED",
    `cannot connect over QUIC to ${where}: ${error.message}`,
    {
      cause: error,
    },
  );
}
