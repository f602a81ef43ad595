/** The ways to a session: over HTTP/3, or over a WebSocket as QMux. */

import { ClientError, TunnelRefusedError } from "../../host/client/errors.ts";
import type { Http3Connector } from "../../host/client/http3.ts";
import type { DialOptions, Protocol } from "../../host/client/session.ts";
import type { HostClock } from "../../host/clock.ts";
import { engineChoice } from "../../host/engine/choice.ts";
import { detach, type Fault, guard, ignore } from "../../host/guard.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import { clientHandshake } from "../../host/websocket/handshake.ts";
import { TunnelSocket } from "../../host/websocket/tunnel-socket.ts";
import { CapsuleDriver } from "../../host/webtransport/capsule-driver.ts";
import type { SessionAbout } from "../../host/webtransport/inspection.ts";
import { formatProtocol, parseProtocol } from "../../host/webtransport/protocols.ts";
import { QmuxDriver } from "../../host/webtransport/qmux-driver.ts";
import { sessionIn } from "../../host/webtransport/tunnel-carrier.ts";
import type { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import { combinedFieldValue, type FieldLine, type FieldSection, fieldValue } from "../../http/index.ts";
import { formatInit, initialLimits, limitSettings } from "../../webtransport/h2/index.ts";
import { DRAFT_02_REQUEST, WEBTRANSPORT_PROTOCOL } from "../../webtransport/h3/index.ts";
import type { Session } from "../../webtransport/index.ts";
import { OWN_LIMITS } from "../../webtransport/mux/index.ts";
import { MAX_MESSAGE, offerOf, parseSubprotocol } from "../../webtransport/qmux/index.ts";
import type { ClientOptions } from "../options.ts";
import { ConnectionPool } from "../pool.ts";
import { openTunnel } from "../tunnel.ts";
import { ownPlace, type Place, SharedConnections } from "./shared-connections.ts";

/** A client's settings, and what it reads of a server's, for sessions over HTTP/2. */
const HTTP2_SETTINGS = limitSettings(OWN_LIMITS);

/** How a client connects. */
export interface WebTransportClientOptions
  extends Pick<
    ClientOptions,
    "ca" | "rejectUnauthorized" | "keylog" | "resolve" | "connectTimeout" | "quic" | "engine"
  > {
  /**
   * The versions of HTTP that may carry the session: HTTP/3 as WebTransport, the others as a WebSocket. Default: "h3" and
   * "http/1.1". Give only "http/1.1" where UDP is known to be blocked.
   */
  readonly protocols?: readonly Protocol[];
  /**
   * True to try HTTP/2 with capsules (draft-ietf-webtrans-http2) before a WebSocket, if `protocols` has "h2" or is not given.
   * Experimental. Default: false.
   */
  readonly http2Capsules?: boolean;
}

/** What the application asked for. */
export interface SessionRequest {
  readonly url: URL;
  readonly fields: readonly FieldLine[];
  readonly protocols: readonly string[];
  readonly client: WebTransportClientOptions;
  readonly certificateHashes: readonly Uint8Array[] | undefined;
  /** True to share a connection with other sessions. */
  readonly allowPooling: boolean;
  readonly clock: HostClock;
}

/** A session that is open. */
export interface OpenedSession {
  /** Gives it to the application's session. If that has failed meanwhile, closes it. */
  begin(session: WebTransportSession): void;
}

/** Opens a session in its place; the signal aborts the attempt. */
type OpenIn = (request: SessionRequest, place: Place, signal: AbortSignal) => Promise<OpenedSession>;

/** A way to a session. */
export interface Way {
  readonly versions: readonly Protocol[];
  readonly open: OpenIn;
}

/** The best way first. A WebSocket has a connection of HTTP/1.1, as in browsers. */
export function waysOf({ protocols, http2Capsules = false }: WebTransportClientOptions): readonly Way[] {
  const allowed = protocols ?? (http2Capsules ? ["h3", "h2", "http/1.1"] : ["h3", "http/1.1"]);
  const ways: Way[] = allowed.includes("h3") ? [{ versions: ["h3"], open: openHttp3 }] : [];
  if (http2Capsules && allowed.includes("h2")) ways.push({ versions: ["h2"], open: openCapsules });
  const tcp = allowed.filter((each) => each !== "h3" && !(http2Capsules && each === "h2"));
  return tcp.length === 0 ? ways : [...ways, overWebSocket(tcp)];
}

/** QMux in a WebSocket. */
export const overWebSocket = (versions: readonly Protocol[]): Way => ({ versions, open: openQmux });

/** Sessions that may share connections do so over HTTP/3, for the whole process. */
const SHARED = new SharedConnections();

/** Opens a session, in a connection of its own unless it may share one. The signal aborts the attempt, and has no effect later. */
export async function openSession(way: Way, request: SessionRequest, signal: AbortSignal): Promise<OpenedSession> {
  const { url, client } = request;
  if (!request.allowPooling || !way.versions.includes("h3")) {
    return openAt(ownPlace(poolOf(way, request)), way, request, signal);
  }
  const take = (isNew: boolean): Place =>
    SHARED.take({ origin: url.origin, options: client }, () => poolOf(way, request), isNew);
  const place = take(false);
  try {
    return await openAt(place, way, request, signal);
  } catch (error) {
    if (!place.isShared || signal.aborted || isAnswer(error)) throw error;
    // The connection takes no more sessions, or has just been lost.
    return openAt(take(true), way, request, signal);
  }
}

/** True if the server has decided, and not for lack of room. */
const isAnswer = (error: unknown): boolean => error instanceof TunnelRefusedError && error.status !== 429;

function poolOf({ versions }: Way, { client, certificateHashes, clock }: SessionRequest): ConnectionPool {
  return new ConnectionPool({ ...client, protocols: versions, http3: connector(client) }, clock, {
    certificateHashes,
    ...(versions.includes("h2") ? { http2Settings: HTTP2_SETTINGS } : {}),
  });
}

async function openAt(
  place: Place,
  { open }: Way,
  request: SessionRequest,
  signal: AbortSignal,
): Promise<OpenedSession> {
  const attempt = new AbortController();
  const abort = guard(
    "client webtransport abort",
    ({ error }) => attempt.abort(error),
    () => attempt.abort(signal.reason),
  );
  signal.addEventListener("abort", abort, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    return await open(request, place, attempt.signal);
  } catch (error) {
    await place.leave(error as Error);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function openHttp3(request: SessionRequest, place: Place, signal: AbortSignal): Promise<OpenedSession> {
  const { url, fields, protocols, clock } = request;
  const offer = protocolOffer(protocols);
  const head = {
    protocol: WEBTRANSPORT_PROTOCOL,
    authority: url.host,
    fields: [...fields, ...offer, DRAFT_02_REQUEST],
  };
  const {
    tunnel,
    exchange,
    fields: answered,
  } = await openTunnel(place.pool.origin(url), { url, head, signal }, place.pool.settings);
  const protocol = chosenProtocol(answered, protocols, tunnel);
  return {
    begin(session) {
      leaveAfter(session, place);
      session.begin(sessionIn(tunnel), {
        about: aboutClient(request, "h3", tunnel.sessionStreams?.terms().draft ?? "draft-02"),
        clock,
        onFault: (fault) => tunnel.reset(fault.error),
        protocol,
        responseFields: answered,
        reliability: "supports-unreliable",
        rtt: () => {
          const stats = exchange.session?.stats();
          return { smoothed: stats?.rtt, min: stats?.minRtt };
        },
      });
    },
  };
}

/** The capsules of HTTP/2. */
async function openCapsules(request: SessionRequest, place: Place, signal: AbortSignal): Promise<OpenedSession> {
  const { url, fields, protocols, clock } = request;
  const init: FieldLine = ["webtransport-init", formatInit(OWN_LIMITS)];
  const head = {
    protocol: WEBTRANSPORT_PROTOCOL,
    authority: url.host,
    fields: [...fields, ...protocolOffer(protocols), init],
  };
  const opened = await openTunnel(place.pool.origin(url), { url, head, signal }, place.pool.settings);
  const { tunnel, exchange, fields: answered } = opened;
  const protocol = chosenProtocol(answered, protocols, tunnel);
  const onFault = (fault: Fault): void => tunnel.reset(fault.error);
  const peer = initialLimits(exchange.peerSettings ?? {});
  const { session: machine } = new CapsuleDriver(tunnel, { role: "client", peer, clock, onFault });
  return {
    begin(session) {
      leaveAfter(session, place);
      session.begin(machine, {
        about: aboutClient(request, "h2", "capsules"),
        clock,
        onFault,
        protocol,
        responseFields: answered,
        reliability: "reliable-only",
        rtt: () => ({ smoothed: undefined, min: undefined }),
      });
    },
  };
}

const protocolOffer = (protocols: readonly string[]): readonly FieldLine[] =>
  protocols.length === 0 ? [] : [["wt-available-protocols", protocols.map(formatProtocol).join(", ")]];

/** draft-ietf-webtrans-http3 §3.3: resets the tunnel if the server chose what was not offered. */
function chosenProtocol(answered: FieldSection, offered: readonly string[], tunnel: Tunnel): string {
  const protocol = parseProtocol(combinedFieldValue(answered, "wt-protocol") ?? "") ?? "";
  if (protocol === "" || offered.includes(protocol)) return protocol;
  const error = new ClientError("PROTOCOL_ERROR", `the server chose the protocol "${protocol}", which was not offered`);
  tunnel.reset(error);
  throw error;
}

async function openQmux(request: SessionRequest, place: Place, signal: AbortSignal): Promise<OpenedSession> {
  const { url, fields, protocols, clock } = request;
  const handshake = clientHandshake(offerOf(protocols));
  const head = { protocol: "websocket", authority: url.host, fields: [...fields, ...handshake.fields] };
  const opened = await openTunnel(place.pool.origin(url), { url, head, signal }, place.pool.settings);
  const { tunnel, exchange, fields: answered } = opened;
  const problem = handshake.problemWith(answered, exchange.session!.protocol);
  if (problem !== undefined) {
    const error = new ClientError("PROTOCOL_ERROR", problem);
    tunnel.reset(error);
    throw error;
  }
  const { version, protocol } = parseSubprotocol(fieldValue(answered, "sec-websocket-protocol")!)!;
  const machine = await new Promise<Session>((resolve, reject) => {
    new QmuxDriver(new TunnelSocket(tunnel, { role: "client", maxMessage: MAX_MESSAGE, clock }), {
      role: "client",
      version,
      clock,
      onFault: (fault) => tunnel.reset(fault.error),
      onReady: resolve,
      onFailure: reject,
    });
  });
  return {
    begin(session) {
      leaveAfter(session, place);
      session.begin(machine, {
        about: aboutClient(request, "websocket", version),
        clock,
        onFault: (fault) => tunnel.reset(fault.error),
        protocol,
        responseFields: answered,
        reliability: "reliable-only",
        rtt: () => ({ smoothed: undefined, min: undefined }),
      });
    },
  };
}

const aboutClient = (
  { url, fields }: SessionRequest,
  carrier: SessionAbout["carrier"],
  version: string,
): SessionAbout => ({ role: "client", url: url.href, origin: fieldValue(fields, "origin") ?? null, carrier, version });

function leaveAfter(session: WebTransportSession, place: Place): void {
  const gone = session.closed.then(
    () => place.leave(undefined),
    (error: Error) => place.leave(error),
  );
  detach("client webtransport closed", ignore, gone);
}

/** HTTP/3 is loaded when it is needed. */
function connector({ quic, engine }: WebTransportClientOptions): Http3Connector {
  let loading: Promise<Http3Connector> | undefined;
  const load = async (): Promise<Http3Connector> => {
    const [{ createHttp3Connector }, { systemEnvironmentWith }, { webTransportOnly }, options] = await Promise.all([
      import("../../host/client/h3-connector.ts"),
      import("../../host/quic/environment.ts"),
      import("../../host/client/quic-protocols.ts"),
      import("../../host/quic/quic-options.ts"),
    ]);
    const protocols = webTransportOnly(options.newerDrafts(quic?.experimental));
    return createHttp3Connector(systemEnvironmentWith(engineChoice(engine)), quic, protocols);
  };
  const ready = () => {
    loading ??= load();
    return loading;
  };
  return {
    ready,
    connect: async (origin: string, options: DialOptions) => (await ready()).connect(origin, options),
    close: async () => (await loading)?.close(),
  };
}
