/**
 * One QUIC version 1 connection (RFC 9000), as a machine without I/O. It is a conductor: each kind of state has an
 * owner of its own (spaces, keys, path, recovery, streams, ids, closing, idle), and this file only says who
 * hears of what.
 *
 * Calling order: see `base/datagrams.ts`. The endpoint drives it; the application uses it as a `StreamTransport`.
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { assertNever, ProtocolError } from "../../base/errors.ts";
import { after, earliest, type Instant, type Micros } from "../../base/time.ts";
import { Level, type TlsEvent, type TlsHandshake } from "../../tls/handshake.ts";
import { fromUtf8 } from "../../wire/text.ts";
import type { VarInt } from "../../wire/varint.ts";
import { TRANSPORT_ERRORS, transportError } from "../errors.ts";
import type { AckFrame, Frame } from "../frame/frames.ts";
import { deriveInitialSecrets, derivePacketKeys, OneRttKeys } from "../keys/index.ts";
import { ConnectionId } from "../packet/connection-id.ts";
import type { PacketHeader } from "../packet/header.ts";
import { verifyRetry } from "../packet/retry.ts";
import { emitTransportParameters, type TransportParameters } from "../params/index.ts";
import { Path } from "../path/index.ts";
import { LossRecovery } from "../recovery/index.ts";
import type { SentFrame, SentPacket } from "../recovery/sent-packet.ts";
import { StreamSet } from "../streams/index.ts";
import type {
  CloseReason,
  StreamChunk,
  StreamDirection,
  StreamId,
  StreamTransport,
  TransportEvent,
} from "../transport.ts";
import { Closing } from "./close.ts";
import type { ConnectionConfig } from "./config.ts";
import { ControlFrames } from "./control-frames.ts";
import { Handshake } from "./handshake.ts";
import { IdleTimer } from "./idle.ts";
import { type ConnectionIdRegistry, LocalIds } from "./local-ids.ts";
import { PacketReceiver } from "./packet-receiver.ts";
import { PacketSender } from "./packet-sender.ts";
import { announcedParameters } from "./parameters.ts";
import type { BatchPool, ConnectionParts } from "./parts.ts";
import { RemoteIds } from "./remote-ids.ts";
import { PacketSpaces } from "./spaces.ts";
import { ConnectionStats } from "./stats.ts";

export type ConnectionEvent =
  | TransportEvent
  /** Client only: judge the chain, then call `certificateVerdict`. */
  | Extract<TlsEvent, { type: "verify-certificate" }>
  | Extract<TlsEvent, { type: "key-log" }>;

export interface ConnectionOptions {
  readonly role: "client" | "server";
  readonly version: number;
  readonly config: ConnectionConfig;
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** Our first id and its reset token. */
  readonly sourceId: ConnectionId;
  readonly sourceResetToken: Uint8Array;
  /** How we address the peer at first. */
  readonly destinationId: ConnectionId;
  /** The destination of the client's first Initial that the server accepts: Initial keys come from it (RFC 9001 §5.2). */
  readonly initialKeyId: ConnectionId;
  /** Server after a Retry: what the client first called us, and what the Retry called us. */
  readonly originalDestination: ConnectionId;
  readonly retrySource?: ConnectionId | undefined;
  readonly isAddressValidated: boolean;
  readonly createTls: (transportParameters: Uint8Array) => TlsHandshake;
  readonly registry: ConnectionIdRegistry;
  readonly inbound: BatchPool;
  readonly outbound: BatchPool;
  /** Something happened that the endpoint has to look at: an event, or something to transmit. */
  readonly onWake: () => void;
  /** A stateless reset that ends with this token is ours (RFC 9000 §10.3). */
  readonly onResetToken: (token: Uint8Array) => void;
  readonly now: Instant;
}

/** What is known once the handshake is complete. */
export interface HandshakeFacts {
  readonly alpn: string;
  readonly cipherSuite: string;
  readonly group: string;
  readonly serverName: string | undefined;
  /** From the first packet to completion. */
  readonly duration: Micros;
  readonly usedRetry: boolean;
}

export class Connection implements StreamTransport {
  readonly role: "client" | "server";
  readonly stats: ConnectionStats = new ConnectionStats();
  handshakeFacts: HandshakeFacts | undefined;
  /** For whoever drives this connection to hang its own state on. */
  readonly createdAt: Instant;

  readonly #options: ConnectionOptions;
  readonly #parts: ConnectionParts;
  readonly #receiver: PacketReceiver;
  readonly #sender: PacketSender;
  readonly #control: ControlFrames;
  readonly #events: ConnectionEvent[] = [];
  #nextEvent = 0;
  #peerParameters: TransportParameters | undefined;
  #retrySource: ConnectionId | undefined;
  #hasOpenedPacket = false;
  #readableLevels: Level[] = [];
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
    const handshake = new Handshake(
      role,
      tls,
      spaces,
      () => ({
        initialSource: remoteIds.active,
        originalDestination: options.originalDestination,
        retrySource: this.#retrySource,
      }),
      {
        onPeerParameters: (parameters) => this.#onPeerParameters(parameters),
        onSecret: (secret) => this.#onSecret(secret),
        onComplete: (complete) => this.#onHandshakeComplete(complete),
        onVerifyCertificate: (event) => this.#emit(event),
        onKeyLog: (line) => this.#emit({ type: "key-log", line }),
      },
    );
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
    this.#control = new ControlFrames(localIds, remoteIds);
    this.#receiver = new PacketReceiver(this.#parts, this, options.inbound);
    this.#sender = new PacketSender(this.#parts, this.#control, options.outbound);
    this.#installInitialKeys(options.initialKeyId);
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
    return this.#peerParameters;
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
    const { closing, path } = this.#parts;
    if (!closing.isOpen) {
      for (let i = from; i < to; i += 1) {
        path.onDatagramReceived(received.length[i]!);
        closing.handleDatagram();
      }
      // The peer's own CONNECTION_CLOSE still has to be seen.
      if (closing.state.type !== "closing") return;
    }
    this.#guard(now, () => {
      this.#receiver.handleDatagrams(received, from, to, now);
      this.#retryUndecrypted(now);
    });
  }

  handleTimeout(now: Instant): void {
    const { closing, idle, recovery, handshake, config, spaces } = this.#parts;
    this.#now = now;
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
    }
    const timeout = recovery.nextTimeout();
    if (timeout === undefined || now < timeout) return;
    const outcome = recovery.onTimeout(now);
    this.#handleLost(outcome.lost);
    if (outcome.probes !== undefined) this.#probe(outcome.probes.level, outcome.probes.count);
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
      this.#retryUndecrypted(now);
    });
    this.#options.onWake();
  }

  /** A datagram ended with the token that the peer gave us (RFC 9000 §10.3.1). */
  handleStatelessReset(now: Instant): void {
    const { closing } = this.#parts;
    if (closing.drain({ type: "stateless-reset" }, this.#closeWait(), now)) this.#finish({ type: "stateless-reset" });
  }

  // ── Output ────────────────────────────────────────────────────────────────────────────────────────────────────────

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    this.#now = now;
    return this.#sender.pollTransmit(slots, maxSegments, now);
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

  /** A fresh pair of 1-RTT keys for what we send (RFC 9001 §6.1). False while the rules forbid it. */
  updateKeys(): boolean {
    return this.#parts.oneRtt.initiateUpdate(this.#now);
  }

  // ── What the packet receiver finds ────────────────────────────────────────────────────────────────────────────────

  onPacketOpened(level: Level, source: Uint8Array | undefined): void {
    const { remoteIds, path, spaces, recovery, role } = this.#parts;
    if (!this.#hasOpenedPacket) {
      this.#hasOpenedPacket = true;
      // RFC 9000 §7.2: a client switches to the id that the server chose in its first packet.
      if (role === "client" && source !== undefined) remoteIds.replaceInitial(ConnectionId.from(source));
    }
    if (level === Level.handshake && role === "server" && spaces.get(Level.initial) !== undefined) {
      // RFC 9000 §8.1, RFC 9001 §4.9.1: whoever sends Handshake packets has seen ours.
      path.validate();
      spaces.discard(Level.initial);
      recovery.discardSpace(Level.initial);
    }
  }

  handleFrame(level: Level, frame: Frame, destination: string, now: Instant): void {
    const { streams, spaces, localIds, remoteIds, role, closing } = this.#parts;
    if (!closing.isOpen && frame.type !== "connection-close") return;
    switch (frame.type) {
      case "stream":
        streams.handleStream(frame.id, frame.offset, frame.data, frame.fin, now);
        break;
      case "ack":
        this.#handleAck(level, frame, now);
        break;
      case "crypto":
        spaces.get(level)?.crypto.handleFrame(frame);
        this.#parts.handshake.handleCrypto(level, now);
        break;
      case "padding":
      case "ping":
        break;
      case "max-data":
        streams.handleMaxData(frame.maximum);
        break;
      case "max-stream-data":
        streams.handleMaxStreamData(frame.id, frame.maximum);
        break;
      case "max-streams":
        streams.handleMaxStreams(frame.direction, frame.maximum);
        break;
      case "reset-stream":
        streams.handleResetStream(frame.id, frame.code, frame.finalSize);
        break;
      case "stop-sending":
        streams.handleStopSending(frame.id, frame.code);
        break;
      case "data-blocked":
        streams.handleDataBlocked(frame.limit);
        break;
      case "stream-data-blocked":
        streams.handleStreamDataBlocked(frame.id, frame.limit);
        break;
      case "streams-blocked":
        streams.handleStreamsBlocked(frame.direction, frame.limit);
        break;
      case "new-connection-id":
        remoteIds.handleNewConnectionId(frame);
        break;
      case "retire-connection-id":
        localIds.handleRetire(frame.sequence, destination);
        break;
      case "path-challenge":
        this.#control.handlePathChallenge(frame.data);
        break;
      case "path-response":
        // We send no challenge, so none of these answers anything; RFC 9000 §19.18 allows to ignore it.
        break;
      case "new-token":
        // RFC 9000 §19.7: only servers give tokens. Ours keeps none, because every connection starts anew.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "NEW_TOKEN", "from a client");
        break;
      case "handshake-done":
        // RFC 9000 §19.20.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "HANDSHAKE_DONE", "from a client");
        this.#confirmHandshake();
        break;
      case "connection-close": {
        const reason: CloseReason = {
          type: "peer",
          layer: frame.layer,
          code: frame.code,
          phrase: fromUtf8(frame.phrase),
        };
        if (closing.drain(reason, this.#closeWait(), now)) this.#finish(reason);
        break;
      }
      default:
        assertNever(frame);
    }
  }

  handleRetry(header: PacketHeader, packet: Uint8Array): void {
    const { role, config, version, remoteIds, recovery, spaces } = this.#parts;
    const { originalDestination } = this.#options;
    // RFC 9000 §17.2.5.2: one Retry at most, only before anything else, with a token, and only if its tag is right.
    if (role !== "client" || this.#hasOpenedPacket || this.#retrySource !== undefined) return;
    if (header.token.length === 0) return;
    if (!verifyRetry(config.engine, version, originalDestination.bytes, packet)) return;
    this.#retrySource = ConnectionId.from(header.source);
    remoteIds.replaceInitial(this.#retrySource);
    this.#sender.token = header.token.slice();
    this.#installInitialKeys(this.#retrySource);
    recovery.onRetry();
    spaces.get(Level.initial)!.crypto.repeatUnacknowledged();
  }

  handleVersionNegotiation(versions: readonly number[]): void {
    // RFC 9000 §6.2: ignored after any other packet, and when it lists the version we tried.
    if (this.role !== "client" || this.#hasOpenedPacket || this.#retrySource !== undefined) return;
    if (versions.includes(this.#parts.version)) return;
    this.#abandon({ type: "version-negotiation", versions });
  }

  #handleAck(level: Level, frame: AckFrame, now: Instant): void {
    const { recovery, oneRtt, path, streams, role } = this.#parts;
    const exponent = level === Level.application ? (this.#peerParameters?.ackDelayExponent ?? 3) : 3;
    const ackDelay = (frame.delay * 2 ** exponent) as Micros;
    const { acked, lost } = recovery.onAckReceived(level, frame, ackDelay, now);
    if (role === "client" && level === Level.handshake) recovery.peerCompletedAddressValidation = true;
    for (const packet of acked) {
      for (const sent of packet.frames) this.#onFrameAcked(sent);
    }
    if (acked.length > 0 && level === Level.application) {
      oneRtt.onPacketAcked(acked.at(-1)!.packetNumber);
      streams.rtt = path.rtt.smoothed;
      oneRtt.probeTimeout = this.#pto();
    }
    this.#handleLost(lost);
  }

  #onFrameAcked(frame: SentFrame): void {
    const { spaces, streams } = this.#parts;
    switch (frame.type) {
      case "ack":
        spaces.get(frame.level)?.acks.onAckAcked(frame.largest);
        break;
      case "crypto":
        spaces.get(frame.level)?.crypto.handleAcked(frame.offset, frame.length);
        break;
      default:
        if (!this.#control.handleAcked(frame)) streams.handleAcked(frame);
    }
  }

  #handleLost(lost: readonly SentPacket[]): void {
    this.stats.packetsLost += lost.length;
    for (const packet of lost) this.#repeat(packet);
  }

  /** Has everything that a packet carried sent again, as far as it still matters (RFC 9000 §13.3). */
  #repeat(packet: SentPacket): void {
    const { spaces, streams } = this.#parts;
    for (const frame of packet.frames) {
      if (frame.type === "crypto") spaces.get(frame.level)?.crypto.handleLost(frame.offset, frame.length);
      else if (frame.type !== "ack" && !this.#control.handleLost(frame)) streams.handleLost(frame);
    }
  }

  /** RFC 9002 §6.2.4: a probe carries what is oldest in flight, or new data, or at least a PING. */
  #probe(level: Level, count: number): void {
    const { spaces, recovery, streams } = this.#parts;
    const space = spaces.get(level);
    if (space === undefined) return;
    this.stats.probeTimeouts += 1;
    space.probesOwed = Math.max(space.probesOwed, count);
    if (level !== Level.application) {
      space.crypto.repeatUnacknowledged();
    } else if (!streams.hasStreamData && !streams.hasControlFrames) {
      const oldest = recovery.oldestInFlight(level);
      if (oldest !== undefined) this.#repeat(oldest);
    }
  }

  // ── What the handshake brings ─────────────────────────────────────────────────────────────────────────────────────

  #installInitialKeys(id: ConnectionId): void {
    const { config, version, spaces, role } = this.#parts;
    const secrets = deriveInitialSecrets(config.engine, version, id.bytes);
    const keys = (secret: Uint8Array) => derivePacketKeys(config.engine, "aes-128-gcm", "sha256", secret, version);
    const space = spaces.get(Level.initial)!;
    space.read = keys(role === "client" ? secrets.server : secrets.client);
    space.write = keys(role === "client" ? secrets.client : secrets.server);
  }

  #onSecret(secret: Extract<TlsEvent, { type: "secret" }>): void {
    const { config, version, spaces, oneRtt, recovery } = this.#parts;
    const { level, direction, suite } = secret;
    if (level === Level.application) {
      if (direction === "read") oneRtt.installRead(suite, secret.secret, version);
      else oneRtt.installWrite(suite, secret.secret, version);
    } else {
      const space = spaces.get(level);
      if (space === undefined) return;
      space[direction] = derivePacketKeys(config.engine, suite.aead, suite.hash, secret.secret, version);
      recovery.hasHandshakeKeys = true;
    }
    if (direction === "read") this.#readableLevels.push(level);
  }

  #retryUndecrypted(now: Instant): void {
    for (let level = this.#readableLevels.shift(); level !== undefined; level = this.#readableLevels.shift()) {
      this.#receiver.retryUndecrypted(level, now);
    }
  }

  #onPeerParameters(parameters: TransportParameters): void {
    const { streams, idle, recovery, remoteIds, path } = this.#parts;
    this.#peerParameters = parameters;
    streams.setPeerLimits(parameters);
    idle.setPeerTimeout(parameters.maxIdleTimeout);
    recovery.maxAckDelay = parameters.maxAckDelay;
    path.limitMaxUdpPayload(parameters.maxUdpPayloadSize);
    if (parameters.statelessResetToken !== undefined) remoteIds.setInitialResetToken(parameters.statelessResetToken);
  }

  #onHandshakeComplete(complete: Extract<TlsEvent, { type: "complete" }>): void {
    const { localIds, config } = this.#parts;
    this.handshakeFacts = {
      alpn: complete.alpn,
      cipherSuite: complete.suite.name,
      group: complete.group,
      serverName: complete.serverName,
      duration: (this.#now - this.createdAt) as Micros,
      usedRetry: this.#retrySource !== undefined || this.#options.retrySource !== undefined,
    };
    localIds.setActive(Math.min(this.#peerParameters!.activeConnectionIdLimit, config.limits.activeConnectionIdLimit));
    this.#emit({ type: "connected", alpn: complete.alpn });
    if (this.role === "server") {
      this.#control.isHandshakeDoneOwed = true;
      this.#confirmHandshake();
    }
  }

  /** RFC 9001 §4.1.2, §4.9.2. */
  #confirmHandshake(): void {
    const { handshake, recovery, spaces, oneRtt } = this.#parts;
    if (handshake.isConfirmed) return;
    handshake.confirm();
    oneRtt.confirm();
    recovery.handshakeConfirmed = true;
    recovery.peerCompletedAddressValidation = true;
    for (const level of [Level.initial, Level.handshake] as const) {
      if (spaces.get(level) === undefined) continue;
      spaces.discard(level);
      recovery.discardSpace(level);
    }
    this.#receiver.forgetUndecrypted();
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs what a peer's input may make fail; a broken rule closes the connection with its code. */
  #guard(now: Instant, work: () => void): void {
    this.#now = now;
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#close({ type: "local", layer: "transport", code: error.code, phrase: error.message, cause: error });
      } else {
        // A fault of ours ends this connection, not the process; the cause reaches whoever listens.
        const { code, sentence } = TRANSPORT_ERRORS.INTERNAL_ERROR;
        this.#close({ type: "local", layer: "transport", code, phrase: sentence, cause: error });
      }
    }
  }

  #close(reason: CloseReason): void {
    if (this.#parts.closing.close(reason, this.#closeWait(), this.#now)) this.#finish(reason);
  }

  #abandon(reason: CloseReason): void {
    if (this.#parts.closing.abandon(reason)) this.#finish(reason);
  }

  /** Tells the application and lets go of what only an open connection needs. */
  #finish(reason: CloseReason): void {
    this.#parts.streams.closeAll();
    this.#receiver.forgetUndecrypted();
    this.#emit({ type: "closed", reason });
    this.#options.onWake();
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
    if (config.keepAlive === 0 || !handshake.isComplete || streams.activeStreams === 0) return undefined;
    return after(idle.since, config.keepAlive);
  }
}
