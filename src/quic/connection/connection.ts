/**
 * One QUIC version 1 connection (RFC 9000), as a machine without I/O. It is a conductor: each kind of state has an
 * owner of its own (spaces, keys, path, recovery, streams, ids, closing, idle), and this file only says who
 * hears of what.
 *
 * Calling order: see `base/datagrams.ts`. The endpoint drives it; the application uses it as a `StreamTransport`.
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { ProtocolError } from "../../base/errors.ts";
import { after, earliest, type Instant, type Micros } from "../../base/time.ts";
import type { VarInt } from "../../wire/varint.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { OneRttKeys } from "../keys/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import { emitTransportParameters, type TransportParameters } from "../params/index.ts";
import { Path } from "../path/index.ts";
import { LossRecovery } from "../recovery/index.ts";
import { StreamSet } from "../streams/index.ts";
import type { CloseReason, StreamChunk, StreamDirection, StreamId, StreamTransport } from "../transport.ts";
import { Closing } from "./close.ts";
import { ControlFrames } from "./control-frames.ts";
import { Establishment, type HandshakeFacts } from "./establishment.ts";
import { FrameRouter } from "./frame-router.ts";
import { Handshake } from "./handshake.ts";
import { IdleTimer } from "./idle.ts";
import { LocalIds } from "./local-ids.ts";
import type { ConnectionEvent, ConnectionOptions } from "./options.ts";
import { PacketReceiver } from "./packet-receiver.ts";
import { PacketSender } from "./packet-sender.ts";
import { announcedParameters } from "./parameters.ts";
import type { ConnectionParts } from "./parts.ts";
import { RemoteIds } from "./remote-ids.ts";
import { PacketSpaces } from "./spaces.ts";
import { ConnectionStats } from "./stats.ts";

export class Connection implements StreamTransport {
  readonly role: "client" | "server";
  readonly stats: ConnectionStats = new ConnectionStats();
  readonly createdAt: Instant;

  readonly #options: ConnectionOptions;
  readonly #parts: ConnectionParts;
  readonly #receiver: PacketReceiver;
  readonly #sender: PacketSender;
  readonly #router: FrameRouter;
  readonly #establishment: Establishment;
  readonly #events: ConnectionEvent[] = [];
  #nextEvent = 0;
  #now: Instant;

  constructor(options: ConnectionOptions) {
    const { role, config, now } = options;
    this.role = role;
    this.createdAt = now;
    this.#now = now;
    this.#options = options;
    const path = new Path({
      local: options.local,
      remote: options.remote,
      validated: role === "client" || options.isAddressValidated,
      maxUdpPayload: config.maxDatagramSize,
      timerGrain: config.timerGrain,
    });
    const spaces = new PacketSpaces(config);
    const recovery = new LossRecovery(path, { role, rng: config.rng });
    const streams = new StreamSet({ role, limits: config.limits, emit: (event) => this.#emit(event) });
    const localIds = new LocalIds(options.registry, options.sourceId, options.sourceResetToken);
    const remoteIds = new RemoteIds(options.destinationId, config.limits.activeConnectionIdLimit);
    remoteIds.onResetToken = options.onResetToken;
    const oneRtt = new OneRttKeys(config.engine, config);
    const tls = options.createTls(emitTransportParameters(announcedParameters(options), { grease: config.rng }));
    const establishment = new Establishment({
      originalDestination: options.originalDestination,
      cameByRetry: options.retrySource !== undefined,
      createdAt: now,
      firstPeerId: role === "server" ? options.destinationId : undefined,
      issueToken: options.issueToken,
      now: () => this.#now,
      emit: (event) => this.#emit(event),
      abandon: (reason) => this.#abandon(reason),
    });
    const handshake = new Handshake(role, tls, spaces, () => establishment.expectedIds(), establishment);
    this.#parts = {
      role,
      version: options.version,
      config,
      path,
      spaces,
      oneRtt,
      recovery,
      streams,
      handshake,
      localIds,
      remoteIds,
      closing: new Closing(),
      idle: new IdleTimer(config.maxIdleTimeout, now),
      stats: this.stats,
      sourceId: options.sourceId,
    };
    const control = new ControlFrames(localIds, remoteIds);
    this.#router = new FrameRouter(this.#parts, control, {
      probeTimeout: () => this.#pto(),
      peerAckDelayExponent: () => establishment.peerParameters?.ackDelayExponent,
      confirmHandshake: () => establishment.confirmHandshake(),
      drain: (reason) => this.#drain(reason),
    });
    this.#receiver = new PacketReceiver(this.#parts, establishment, this.#router, options.inbound);
    this.#sender = new PacketSender(this.#parts, control, options.outbound);
    this.#establishment = establishment;
    establishment.introduce({ parts: this.#parts, receiver: this.#receiver, sender: this.#sender, control });
    establishment.installInitialKeys(options.initialKeyId);
    if (role === "client") this.#guard(now, () => handshake.start(now));
  }

  // ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get path(): Path {
    return this.#parts.path;
  }

  get remoteAddress(): SocketAddress {
    return this.#parts.path.remote;
  }

  get localAddress(): SocketAddress | undefined {
    return this.#parts.path.local;
  }

  get peerParameters(): TransportParameters | undefined {
    return this.#establishment.peerParameters;
  }

  get handshakeFacts(): HandshakeFacts | undefined {
    return this.#establishment.facts;
  }

  get isHandshakeComplete(): boolean {
    return this.#parts.handshake.isComplete;
  }

  get isOpen(): boolean {
    return this.#parts.closing.isOpen;
  }

  /** Nothing is left to do: the endpoint forgets the connection. */
  get isClosed(): boolean {
    return this.#parts.closing.isClosed;
  }

  get activeStreams(): number {
    return this.#parts.streams.activeStreams;
  }

  /** How often the keys that we send with have been updated. */
  get keyGeneration(): number {
    return this.#parts.oneRtt.writeGeneration;
  }

  /** The ids under which the peer may reach us. */
  get localIds(): Iterable<ConnectionId> {
    return this.#parts.localIds;
  }

  get sourceId(): ConnectionId {
    return this.#options.sourceId;
  }

  // ── Input ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Datagrams [from, to) of the batch. */
  handleDatagrams(received: ReceivedBatch, from: number, to: number, now: Instant): void {
    const { closing } = this.#parts;
    if (!closing.isOpen) {
      // RFC 9000 §10.2.2: whoever is draining is silent. While closing, the peer's own CONNECTION_CLOSE has to be seen.
      if (closing.state.type !== "closing") return;
      for (let i = from; i < to; i += 1) closing.handleDatagram();
    }
    this.#guard(now, () => {
      this.#receiver.handleDatagrams(received, from, to, now);
      this.#establishment.retryUndecrypted(now);
    });
  }

  handleTimeout(now: Instant): void {
    this.#guard(now, () => this.#handleTimeout(now));
  }

  #handleTimeout(now: Instant): void {
    const { closing, idle, recovery, handshake, config, spaces } = this.#parts;
    if (!closing.isOpen) {
      closing.handleTimeout(now);
      return;
    }
    const idleDeadline = idle.deadline(this.#pto());
    if (idleDeadline !== undefined && now >= idleDeadline) {
      this.#abandon({ type: "idle-timeout" });
      return;
    }
    if (!handshake.isComplete && now >= after(this.createdAt, config.handshakeTimeout)) {
      this.#abandon({ type: "handshake-timeout" });
      return;
    }
    const keepAlive = this.#keepAliveDeadline();
    if (keepAlive !== undefined && now >= keepAlive) {
      spaces.application.probesOwed = Math.max(1, spaces.application.probesOwed);
      idle.onKeptAlive(now);
    }
    const timeout = recovery.nextTimeout();
    if (timeout === undefined || now < timeout) return;
    const outcome = recovery.onTimeout(now);
    this.#router.handleLost(outcome.lost);
    if (outcome.probes !== undefined) this.#router.probe(outcome.probes.level, outcome.probes.count);
  }

  nextTimeout(): Instant | undefined {
    const { closing, idle, recovery, spaces, handshake, config, path } = this.#parts;
    if (!closing.isOpen) return closing.deadline;
    let next = earliest(idle.deadline(this.#pto()), spaces.ackDeadline());
    next = earliest(next, recovery.nextTimeout());
    next = earliest(next, this.#keepAliveDeadline());
    if (!handshake.isComplete) next = earliest(next, after(this.createdAt, config.handshakeTimeout));
    if (this.#sender.isBlocked && path.controller.canSend(path.mtu.current)) {
      const { congestionWindow } = path.controller;
      next = earliest(next, path.pacer.nextSendTime(this.#now, congestionWindow, path.rtt.smoothed, path.mtu.current));
    }
    return next;
  }

  /** The host's judgement of the server's certificate chain; undefined accepts it. */
  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void {
    if (!this.isOpen) return;
    this.#guard(now, () => {
      this.#parts.handshake.certificateVerdict(failure, now);
      this.#establishment.retryUndecrypted(now);
    });
    this.#options.onWake();
  }

  /** A datagram ended with the token that the peer gave us (RFC 9000 §10.3.1). */
  handleStatelessReset(now: Instant): void {
    this.#now = now;
    this.#drain({ type: "stateless-reset" });
  }

  // ── Output ────────────────────────────────────────────────────────────────────────────────────────────────────────

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    this.#now = now;
    try {
      return this.#sender.pollTransmit(slots, maxSegments, now);
    } catch (error) {
      // Where not even CONNECTION_CLOSE can be written, the connection ends without it.
      if (!this.isOpen) {
        this.abandon();
        return undefined;
      }
      this.#fail(error);
      return this.pollTransmit(slots, maxSegments, now);
    }
  }

  pollEvent(): ConnectionEvent | undefined {
    const event = this.#events[this.#nextEvent];
    if (event === undefined) return undefined;
    this.#nextEvent += 1;
    if (this.#nextEvent === this.#events.length) {
      this.#events.length = 0;
      this.#nextEvent = 0;
    }
    return event;
  }

  // ── Commands: what a protocol above sees (StreamTransport) ────────────────────────────────────────────────────────

  openStream(direction: StreamDirection): StreamId | undefined {
    return this.#parts.streams.openStream(direction);
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): number {
    const accepted = this.#parts.streams.write(id, bytes, fin);
    this.#options.onWake();
    return accepted;
  }

  writableBytes(id: StreamId): number {
    return this.#parts.streams.writableBytes(id);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const { streams } = this.#parts;
    const chunk = streams.read(id, max);
    if (chunk !== undefined && streams.hasControlFrames) this.#options.onWake();
    return chunk;
  }

  reset(id: StreamId, code: VarInt): void {
    this.#parts.streams.reset(id, code);
    this.#options.onWake();
  }

  stopSending(id: StreamId, code: VarInt): void {
    this.#parts.streams.stopSending(id, code);
    this.#options.onWake();
  }

  close(code: VarInt, phrase: string): void {
    this.#close({ type: "local", layer: "application", code, phrase });
  }

  /** Ends the connection in silence, without telling the peer: for hosts that go away. */
  abandon(): void {
    this.#abandon({ type: "local", layer: "transport", code: TRANSPORT_ERRORS.NO_ERROR.code, phrase: "abandoned" });
  }

  /** Ends the connection with INTERNAL_ERROR after an exception in what the host runs for it. */
  fail(error: unknown): void {
    this.#fail(error);
  }

  /** A fresh pair of 1-RTT keys for what we send (RFC 9001 §6.1). False while the rules forbid it. */
  updateKeys(): boolean {
    return this.#parts.oneRtt.initiateUpdate(this.#now);
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs what a peer's input may make fail; a broken rule closes the connection with its code. */
  #guard(now: Instant, work: () => void): void {
    this.#now = now;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.#close({ type: "local", layer: "transport", code: error.code, phrase: error.message, cause: error });
    } else {
      // A fault of ours ends this connection, not the process; the cause reaches whoever listens.
      const { code, sentence } = TRANSPORT_ERRORS.INTERNAL_ERROR;
      this.#close({ type: "local", layer: "transport", code, phrase: sentence, cause: error });
    }
  }

  #close(reason: CloseReason): void {
    if (this.#parts.closing.close(reason, this.#closeWait(), this.#now)) this.#finish(reason);
  }

  #drain(reason: CloseReason): void {
    if (this.#parts.closing.drain(reason, this.#closeWait(), this.#now)) this.#finish(reason);
  }

  #abandon(reason: CloseReason): void {
    if (this.#parts.closing.abandon(reason)) this.#finish(reason);
  }

  /** Tells the application and lets go of what only an open connection needs. */
  #finish(reason: CloseReason): void {
    try {
      this.#parts.streams.closeAll();
      this.#receiver.forgetUndecrypted();
    } finally {
      this.#emit({ type: "closed", reason });
      this.#options.onWake();
    }
  }

  #emit(event: ConnectionEvent): void {
    this.#events.push(event);
  }

  #pto(): Micros {
    const { path, recovery } = this.#parts;
    return (path.rtt.ptoBase() + recovery.maxAckDelay) as Micros;
  }

  /** RFC 9000 §10.2: closing and draining last three times the PTO. */
  #closeWait(): Micros {
    return (3 * this.#pto()) as Micros;
  }

  #keepAliveDeadline(): Instant | undefined {
    const { config, streams, idle, handshake } = this.#parts;
    if (config.keepAlive === 0 || !handshake.isComplete || streams.activeBidiStreams === 0) return undefined;
    return after(idle.keptAliveSince, config.keepAlive);
  }
}
