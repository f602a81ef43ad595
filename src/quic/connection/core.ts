/**
 * The owners of a connection's state, connected with each other. What one of them needs of another, or of the connection
 * as a whole, is a method here rather than a function of its own: a server holds all of this for each idle connection.
 */

import type { Instant, Micros } from "../../base/time.ts";
import type { TlsHandshake } from "../../tls/handshake.ts";
import { Datagrams } from "../datagram/index.ts";
import { OneRttKeys } from "../keys/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { TransportParameters } from "../params/index.ts";
import type { Paths } from "../path/index.ts";
import { StreamSet } from "../streams/index.ts";
import type { QuicTrace } from "../trace.ts";
import type { CloseReason } from "../transport.ts";
import { Closing } from "./close.ts";
import type { ConnectionConfig } from "./config.ts";
import { ConnectionFrames } from "./connection-frames.ts";
import { ConnectionVersion } from "./connection-version.ts";
import { EarlyData } from "./early-data.ts";
import { Establishment } from "./establishment.ts";
import { EventQueue } from "./event-queue.ts";
import { FrameRouter } from "./frame-router.ts";
import { Handshake } from "./handshake.ts";
import { HandshakeSpaces } from "./handshake-spaces.ts";
import { IdleTimer } from "./idle.ts";
import { Migration } from "./migration.ts";
import type { ConnectionEvent, ConnectionHost, ConnectionOptions } from "./options.ts";
import { maxPacketPayload } from "./packet-builder.ts";
import { PacketReceiver } from "./packet-receiver.ts";
import { PacketSender } from "./packet-sender.ts";
import { announceParameters } from "./parameters.ts";
import type { ConnectionParts } from "./parts.ts";
import { PathFactory } from "./path-factory.ts";
import { Repeats } from "./repeats.ts";
import { ConnectionStats } from "./stats.ts";
import { ConnectionTimers } from "./timers.ts";
import { WorkBudget } from "./work-budget.ts";

export class ConnectionCore implements ConnectionParts {
  readonly role: "client" | "server";
  readonly config: ConnectionConfig;
  readonly host: ConnectionHost;
  readonly trace: QuicTrace | undefined;
  readonly sourceId: ConnectionId;
  readonly mayMove: ConnectionOptions["mayMove"];
  readonly version: ConnectionVersion;
  readonly spaces: HandshakeSpaces;
  readonly establishment: Establishment;
  readonly handshake: Handshake;
  readonly pathFactory: PathFactory;
  readonly paths: Paths;
  readonly streams: StreamSet;
  readonly datagrams: Datagrams;
  readonly early: EarlyData;
  readonly oneRtt: OneRttKeys;
  readonly closing: Closing = new Closing();
  readonly idle: IdleTimer;
  readonly stats: ConnectionStats = new ConnectionStats();
  readonly work: WorkBudget;
  readonly migration: Migration;
  readonly frames: ConnectionFrames = new ConnectionFrames();
  readonly router: FrameRouter;
  readonly timers: ConnectionTimers;
  readonly receiver: PacketReceiver;
  readonly sender: PacketSender;
  readonly events: EventQueue<ConnectionEvent> = new EventQueue<ConnectionEvent>();
  /** The time of the last call. */
  now: Instant;

  constructor(options: ConnectionOptions) {
    const { role, config, now, trace } = options;
    this.role = role;
    this.config = config;
    this.host = options.host;
    this.trace = trace;
    this.sourceId = options.sourceId;
    this.mayMove = options.mayMove;
    this.now = now;
    this.spaces = new HandshakeSpaces(config);
    this.version = new ConnectionVersion(options);
    this.establishment = new Establishment(this, options);
    this.handshake = new Handshake(role, this.#createTls(options), this.spaces, this.establishment);
    this.pathFactory = new PathFactory(this);
    this.paths = this.pathFactory.primary(options);
    const traceNow = trace && ((event: Parameters<QuicTrace>[0]) => trace(event, this.now));
    this.streams = new StreamSet(this, config.limits, traceNow);
    this.datagrams = new Datagrams(this, this.streams.scheduler, config.datagrams, traceNow);
    this.early = new EarlyData(role);
    this.oneRtt = new OneRttKeys(config.engine, this, config);
    this.idle = new IdleTimer(config.maxIdleTimeout, now);
    this.work = new WorkBudget(now);
    this.migration = new Migration(this);
    const repeats = new Repeats(this, this.frames);
    this.router = new FrameRouter(this, this.frames, repeats);
    this.timers = new ConnectionTimers(this, this.router, this.migration);
    this.receiver = new PacketReceiver(this, this.establishment, this.router, this.migration);
    this.sender = new PacketSender(this, this.frames, repeats, this.establishment);
    if (options.token !== undefined) this.sender.setToken(options.token);
    this.establishment.installInitialKeys();
  }

  #createTls(options: ConnectionOptions): TlsHandshake {
    const parametersFor = (client?: Uint8Array): Uint8Array => {
      if (client !== undefined) this.establishment.chooseVersion(client);
      const { trace } = this;
      return announceParameters(
        options,
        this.version,
        () => this.paths.primary.localIds.issuePreferred(),
        trace && ((parameters) => trace({ type: "quic:parameters-set", initiator: "local", parameters }, this.now)),
      );
    };
    return options.createTls(parametersFor, { remote: options.remote, version: () => this.version.current });
  }

  // ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get isHandshakeConfirmed(): boolean {
    return this.handshake.isConfirmed;
  }

  get probeTimeout(): Micros {
    return this.timers.probeTimeout;
  }

  /** The smoothed round-trip time of the active route; zero until known. */
  get smoothedRtt(): Micros {
    const { rtt } = this.paths.primary.routes.active;
    return rtt.hasSample ? rtt.smoothed : (0 as Micros);
  }

  /** The largest DATAGRAM frame that fits into a packet of its own. */
  get maxDatagramFrame(): number {
    return maxPacketPayload(this.paths.primary);
  }

  get peerAckDelayExponent(): number | undefined {
    return this.establishment.peerParameters?.ackDelayExponent;
  }

  // ── What happens to the connection as a whole ─────────────────────────────────────────────────────────────────────

  emit(event: ConnectionEvent): void {
    this.events.push(event);
    this.host.onWake();
  }

  onWake(): void {
    this.host.onWake();
  }

  onDatagramReadable(): void {
    this.emit({ type: "datagram-readable" });
  }

  onSilence(probeTimeouts: number): void {
    this.emit({ type: "silence", probeTimeouts });
  }

  /** RFC 9369 §5: a token belongs to the negotiated version. */
  onToken(token: Uint8Array): void {
    this.emit({ type: "new-token", token, version: this.version.current });
  }

  onKeysUpdated(generation: number, cause: "local" | "remote"): void {
    this.establishment.onKeysUpdated(generation, cause);
  }

  applyPeerParameters(parameters: TransportParameters): void {
    this.pathFactory.applyPeerParameters(this.paths, parameters);
  }

  confirmHandshake(): void {
    this.establishment.confirmHandshake();
  }

  handlePathResponse(data: Uint8Array, now: Instant): void {
    this.migration.handlePathResponse(data, now);
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  close(reason: CloseReason): void {
    if (this.closing.close(reason, this.timers.closeWait, this.now)) this.#finish(reason);
  }

  drain(reason: CloseReason): void {
    if (this.closing.drain(reason, this.timers.closeWait, this.now)) this.#finish(reason);
  }

  abandon(reason: CloseReason): void {
    if (this.closing.abandon(reason)) this.#finish(reason);
  }

  /** Notifies the application and releases what only an open connection needs. */
  #finish(reason: CloseReason): void {
    try {
      // Data that the peer sent before its CONNECTION_CLOSE can be read until "closed" is polled; complete streams also
      // after that.
      if (reason.type !== "peer") this.release();
      this.receiver.dropUndecrypted();
    } finally {
      const { trace, closing } = this;
      trace?.({ type: "quic:connection-closed", reason }, this.now);
      const state = closing.state.type;
      if (state !== "open") trace?.({ type: "quic:connection-state-updated", state }, this.now);
      this.emit({ type: "closed", reason });
    }
  }

  /** Drops the content of streams and datagrams. */
  release(): void {
    this.datagrams.close();
    this.streams.closeAll();
  }
}
