/**
 * From the first packet to the confirmed handshake: keys as they become available, the peer's parameters, Retry and
 * Version Negotiation, and discarding old levels (RFC 9000 §7, RFC 9001 §4).
 */

import type { Instant, Micros } from "../../base/time.ts";
import { EncryptionLevel, type TlsEvent } from "../../tls/handshake.ts";
import { transportError } from "../errors.ts";
import { derivePacketKeys, type PacketKeys } from "../keys/index.ts";
import { ConnectionId } from "../packet/connection-id.ts";
import type { PacketForm, PacketHeader } from "../packet/header.ts";
import { spaceOf } from "../packet/number-space.ts";
import { verifyRetry } from "../packet/retry.ts";
import type { TransportParameters } from "../params/index.ts";
import type { Route } from "../route/index.ts";
import type { PeerStreamLimits } from "../streams/index.ts";
import type { CloseReason } from "../transport.ts";
import type { ConnectionFrames } from "./connection-frames.ts";
import type { FrameRouter } from "./frame-router.ts";
import type { ExpectedIds, HandshakeListener } from "./handshake.ts";
import type { HandshakeLevel, HandshakeSpace } from "./handshake-spaces.ts";
import { InitialKeys } from "./initial-keys.ts";
import type { ConnectionEvent, ConnectionOptions } from "./options.ts";
import type { PacketSentListener } from "./packet-builder.ts";
import type { PacketListener, PacketReceiver } from "./packet-receiver.ts";
import type { PacketSender } from "./packet-sender.ts";
import { preferredAddresses } from "./parameters.ts";
import type { ConnectionParts } from "./parts.ts";
import { MAX_TOKEN } from "./received-tokens.ts";

/** Facts known once the handshake is complete. */
export interface HandshakeFacts {
  readonly alpn: string;
  readonly cipherSuite: string;
  readonly group: string;
  readonly serverName: string | undefined;
  /** The time from the first packet to completion. */
  readonly duration: Micros;
  readonly usedRetry: boolean;
  /** True if a session was resumed, so that no certificate was needed. */
  readonly resumed: boolean;
  readonly acceptedEarlyData: boolean;
}

/** The connection, whose other parts may exist only after its `Establishment`. */
export interface EstablishmentHost extends ConnectionParts {
  readonly now: Instant;
  readonly receiver: PacketReceiver;
  readonly sender: PacketSender;
  readonly router: FrameRouter;
  readonly frames: ConnectionFrames;
  emit(event: ConnectionEvent): void;
  abandon(reason: CloseReason): void;
  /** Applies parameters that concern all paths. */
  applyPeerParameters(parameters: TransportParameters): void;
}

export class Establishment implements HandshakeListener, PacketListener, PacketSentListener {
  peerParameters: TransportParameters | undefined;
  facts: HandshakeFacts | undefined;
  readonly #parts: EstablishmentHost;
  readonly #initialKeys: InitialKeys;
  /** What only the handshake needs; undefined once it is confirmed. */
  #options: ConnectionOptions | undefined;
  #retrySource: ConnectionId | undefined;
  #hasOpenedPacket = false;
  /** The protocol of an early "connected". */
  #earlyProtocol: string | undefined;
  /** Levels whose read keys were installed, but whose early packets have not been tried yet. */
  #readableLevels: EncryptionLevel[] = [];

  /** The peer's source id in all of its long headers, once known. */
  #peerId: ConnectionId | undefined;

  constructor(parts: EstablishmentHost, options: ConnectionOptions) {
    this.#parts = parts;
    this.#options = options;
    const { role, config, destinationId, initialKeyId } = options;
    // A server knows the source id of the client's first Initial.
    this.#peerId = role === "server" ? destinationId : undefined;
    this.#initialKeys = new InitialKeys(config.engine, role, initialKeyId);
  }

  /** The ids that the peer's transport parameters must confirm. */
  expectedIds(): ExpectedIds {
    return {
      initialSource: this.#parts.paths.primary.remoteIds.active,
      originalDestination: this.#options?.originalDestination,
      retrySource: this.#retrySource,
    };
  }

  onVerifyCertificate(event: Extract<TlsEvent, { type: "verify-certificate" }>): void {
    this.#parts.emit(event);
  }

  onSelectIdentity(event: Extract<TlsEvent, { type: "select-identity" }>): void {
    this.#parts.emit(event);
  }

  onSession(event: Extract<TlsEvent, { type: "session" }>): void {
    // RFC 9369 §5: a session belongs to the negotiated version.
    this.#parts.emit({ ...event, version: this.#parts.version.current });
  }

  onKeyLog(line: string): void {
    this.#parts.emit({ type: "key-log", line });
  }

  isFromPeer(source: Uint8Array): boolean {
    return this.#peerId === undefined || this.#peerId.matches(source);
  }

  acceptsVersion(version: number, form: PacketForm): boolean {
    const { current, original } = this.#parts.version;
    // RFC 9369 §4.1: Handshake packets use the negotiated version, Retry packets the original one.
    if (form === "retry") return version === original;
    return version === current || (form === "initial" && version === original) || this.#mayBecome(version);
  }

  /** RFC 9369 §4.1: CRYPTO frames of the server in one version show that it has negotiated that version. */
  #mayBecome(version: number): boolean {
    const { spaces } = this.#parts;
    return this.#parts.version.mayBecome(version) && spaces.initial?.crypto.bytesReceived === 0;
  }

  readKeys(space: HandshakeSpace, version: number): PacketKeys | undefined {
    if (version === this.#parts.version.current) return space.read;
    return space.level === EncryptionLevel.initial ? this.#initialKeys.of(version).read : undefined;
  }

  onPacketOpened(level: EncryptionLevel, source: Uint8Array | undefined, version: number, route: Route): void {
    const { paths, spaces, role } = this.#parts;
    const { remoteIds } = paths.primary;
    this.#hasOpenedPacket = true;
    if (level === EncryptionLevel.initial && version !== this.#parts.version.current && this.#mayBecome(version)) {
      // RFC 9368 §2.3: the server has converted the first flight to this version.
      this.#becomeVersion(version);
    }
    if (this.#peerId === undefined && source !== undefined) {
      // RFC 9000 §7.2: a client switches to the id that the server chose in its first packet.
      this.#peerId = ConnectionId.from(source);
      remoteIds.replaceInitial(this.#peerId);
    }
    if (level === EncryptionLevel.oneRtt) {
      this.#parts.early.onOneRttReceived(paths.primary.recovery.probeTimeout, this.#parts.now);
    }
    if (level === EncryptionLevel.handshake && role === "server" && spaces.initial !== undefined) {
      // RFC 9000 §8.1, RFC 9001 §4.9.1: a client that sends Handshake packets has received ours.
      route.validate();
      this.#discard(EncryptionLevel.initial);
    }
  }

  onPacketSent(level: EncryptionLevel): void {
    // RFC 9001 §4.9.1: a client discards Initial keys once it sends a Handshake packet.
    if (level === EncryptionLevel.handshake && this.#parts.role === "client") this.#discard(EncryptionLevel.initial);
  }

  /** Discards the keys of a level and everything that waited for them (RFC 9001 §4.9). */
  #discard(level: HandshakeLevel): void {
    const { spaces, paths, trace } = this.#parts;
    if (spaces.get(level) === undefined) return;
    spaces.discard(level);
    if (level === EncryptionLevel.initial) this.#initialKeys.free();
    trace?.({ type: "quic:key-discarded", level }, this.#parts.now);
    paths.primary.recovery.discardSpace(spaceOf(level));
    this.#parts.receiver.dropUndecrypted(level);
  }

  /** Releases the keys of all levels. */
  freeKeys(): void {
    const { oneRtt, spaces, early } = this.#parts;
    oneRtt.free();
    early.freeKeys();
    for (const space of spaces) space.freeKeys();
    this.#initialKeys.free();
  }

  handleRetry(header: PacketHeader, packet: Uint8Array): void {
    const { role, config, version, paths, spaces, trace } = this.#parts;
    const { remoteIds, recovery } = paths.primary;
    const originalDestination = this.#options?.originalDestination;
    // RFC 9000 §17.2.5.2: at most one Retry, only before any other packet, with a token, and only with a valid tag.
    if (role !== "client" || this.#hasOpenedPacket || this.#retrySource !== undefined) return;
    if (originalDestination === undefined) return;
    // A Retry whose token leaves no room for the ClientHello is treated as a forgery.
    if (header.token.length === 0 || header.token.length > MAX_TOKEN) return;
    // RFC 9000 §17.2.5.1: the id in the Retry must differ from the one that we chose.
    if (originalDestination.matches(header.source)) return;
    if (!verifyRetry(config.engine, version.original, originalDestination.bytes, packet)) return;
    const { source, token } = header;
    trace?.({ type: "quic:retry-received", source, tokenLength: token.length, size: packet.length }, this.#parts.now);
    this.#retrySource = ConnectionId.from(header.source);
    remoteIds.replaceInitial(this.#retrySource);
    // RFC 9000 §8.1.3: it replaces the token of an earlier connection.
    this.#parts.sender.setToken(header.token.slice());
    this.#initialKeys.replaceId(this.#retrySource);
    this.installInitialKeys();
    this.#parts.router.sendAgain(recovery.onRetry());
    spaces.initial!.crypto.repeatUnacknowledged();
  }

  handleVersionNegotiation(header: PacketHeader): void {
    const { versions = [] } = header;
    const { version, role, trace } = this.#parts;
    // RFC 9000 §17.2.1: the server shows that it has seen our packet.
    if (this.#options?.originalDestination.matches(header.source) !== true) return;
    // RFC 9000 §6.2: ignored after any other packet, and if it lists the version that we tried.
    if (role !== "client" || this.#hasOpenedPacket || this.#retrySource !== undefined) return;
    if (versions.includes(version.original)) return;
    // RFC 9368 §4: a client reacts to one Version Negotiation packet only.
    if (version.followsNegotiation) return;
    const size = header.end - header.start;
    trace?.({ type: "quic:version-negotiation-received", versions, size }, this.#parts.now);
    this.#parts.abandon({ type: "version-negotiation", versions, next: version.next(versions) });
  }

  /** Installs the keys of the current version. */
  installInitialKeys(): void {
    const { version, spaces } = this.#parts;
    const space = spaces.initial!;
    const { read, write } = this.#initialKeys.of(version.current);
    space.read = read;
    space.write = write;
    this.#traceKeys(EncryptionLevel.initial, "read");
    this.#traceKeys(EncryptionLevel.initial, "write");
  }

  /** Both directions of 1-RTT packets use the keys of this generation (RFC 9001 §6). */
  onKeysUpdated(generation: number, cause: "local" | "remote"): void {
    this.#traceKeys(EncryptionLevel.oneRtt, "read", generation, cause);
    this.#traceKeys(EncryptionLevel.oneRtt, "write", generation, cause);
  }

  #traceKeys(
    level: EncryptionLevel,
    direction: "read" | "write",
    generation = 0,
    cause: "tls" | "local" | "remote" = "tls",
  ): void {
    this.#parts.trace?.({ type: "quic:key-updated", level, direction, generation, cause }, this.#parts.now);
  }

  /** Server only: chooses the version, which our own parameters must tell, from the client's parameters. */
  chooseVersion(parameters: Uint8Array): void {
    const { version, handshake } = this.#parts;
    const chosen = version.choose(handshake.parseParameters(parameters).versionInformation);
    if (chosen !== version.original) this.#becomeVersion(chosen);
  }

  /** From now on, everything is sent in this version, and only Initial packets are accepted in the original one. */
  #becomeVersion(version: number): void {
    this.#parts.version.become(version);
    this.installInitialKeys();
    this.#parts.trace?.({ type: "quic:version-negotiated", version }, this.#parts.now);
  }

  onSecret(secret: Extract<TlsEvent, { type: "secret" }>): void {
    const { config, spaces, oneRtt, early } = this.#parts;
    const version = this.#parts.version.current;
    const { level, direction, suite } = secret;
    this.#traceKeys(level, direction);
    if (level === EncryptionLevel.oneRtt) {
      if (direction === "read") oneRtt.installRead(suite, secret.secret, version);
      else oneRtt.installWrite(suite, secret.secret, version);
      // RFC 9001 §4.9.3: 1-RTT packets carry what is left.
      if (direction === "write") early.dropWriteKeys();
    } else if (level === EncryptionLevel.zeroRtt) {
      const { original } = this.#parts.version;
      early.install(direction, derivePacketKeys(config.engine, suite.aead, suite.hash, secret.secret, original));
    } else {
      if (direction === "read" && early.isUndecided) {
        early.settleIfUndecided();
        this.#parts.receiver.dropUndecrypted(EncryptionLevel.zeroRtt);
      }
      const space = spaces.get(level);
      if (space === undefined) return;
      space[direction] = derivePacketKeys(config.engine, suite.aead, suite.hash, secret.secret, version);
    }
    if (direction === "read") this.#readableLevels.push(level);
  }

  retryUndecrypted(now: Instant): void {
    while (this.#readableLevels.length > 0) {
      const levels = this.#readableLevels;
      this.#readableLevels = [];
      for (const level of levels) this.#parts.receiver.retryUndecrypted(level, now);
    }
  }

  onEarlyDataOffered(remembered: TransportParameters, alpn: string): void {
    const { early, streams, datagrams, trace } = this.#parts;
    early.offer(remembered);
    trace?.({ type: "quic:parameters-restored", parameters: remembered }, this.#parts.now);
    streams.setPeerLimits(streamLimits(remembered));
    datagrams.setPeerMaxFrame(remembered.maxDatagramFrameSize);
    this.#connectEarly(alpn);
  }

  onEarlyData(accepted: boolean, alpn: string): void {
    const { early, role, trace } = this.#parts;
    early.settle(accepted);
    trace?.({ type: "quic:early-data", accepted }, this.#parts.now);
    if (role === "server") {
      if (accepted) this.#connectEarly(alpn);
      else this.#parts.receiver.dropUndecrypted(EncryptionLevel.zeroRtt);
    } else if (!accepted) {
      this.#parts.router.sendAgain(this.#parts.paths.primary.recovery.discardApplication());
      // RFC 9001 §4.6.2: what was sent belongs to another protocol.
      if (alpn !== this.#earlyProtocol) throw rejection(`the server selected ${alpn}`);
    }
  }

  #connectEarly(alpn: string): void {
    this.#earlyProtocol = alpn;
    this.#parts.emit({ type: "connected", alpn, isEarly: true });
  }

  onPeerParameters(parameters: TransportParameters): void {
    const { role, config, streams, datagrams, idle, paths, trace, version, early } = this.#parts;
    const { remoteIds } = paths.primary;
    this.peerParameters = parameters;
    if (role === "client") version.checkServer(parameters.versionInformation);
    trace?.({ type: "quic:parameters-set", initiator: "remote", parameters }, this.#parts.now);
    early.check(parameters);
    if (!early.mustRestart) streams.setPeerLimits(streamLimits(parameters));
    else if (!streams.restart(streamLimits(parameters))) throw rejection("the server allows fewer streams");
    datagrams.setPeerMaxFrame(parameters.maxDatagramFrameSize);
    this.#takeAckDelays(parameters);
    idle.setPeerTimeout(parameters.maxIdleTimeout);
    if (config.greaseQuicBit && parameters.greaseQuicBit) this.#parts.sender.greaseQuicBit();
    this.#parts.applyPeerParameters(parameters);
    if (parameters.preferredAddress !== undefined) {
      // RFC 9000 §18.2.
      if (remoteIds.active.length === 0) {
        throw transportError("TRANSPORT_PARAMETER_ERROR", "preferred_address", "the server has an empty connection id");
      }
      const { connectionId, statelessResetToken } = parameters.preferredAddress;
      remoteIds.addPreferred(connectionId, statelessResetToken);
    }
    if (parameters.statelessResetToken !== undefined) remoteIds.setInitialResetToken(parameters.statelessResetToken);
  }

  /** draft-ietf-quic-ack-frequency §3. */
  #takeAckDelays({ minAckDelay, maxAckDelay }: TransportParameters): void {
    const { config, paths } = this.#parts;
    if (!config.ackFrequency || minAckDelay === undefined) return;
    if (minAckDelay > maxAckDelay) {
      throw transportError("TRANSPORT_PARAMETER_ERROR", "min_ack_delay", "is larger than max_ack_delay");
    }
    paths.primary.ackRequests.enable(minAckDelay, maxAckDelay);
  }

  onComplete(complete: Extract<TlsEvent, { type: "complete" }>): void {
    const { config, early } = this.#parts;
    const { localIds } = this.#parts.paths.primary;
    this.facts = {
      alpn: complete.alpn,
      cipherSuite: complete.suite.name,
      group: complete.group,
      serverName: complete.serverName,
      duration: (this.#parts.now - this.#options!.now) as Micros,
      usedRetry: this.#retrySource !== undefined || this.#options!.retrySource !== undefined,
      resumed: complete.resumed,
      acceptedEarlyData: early.isAccepted,
    };
    localIds.setActiveLimit(
      Math.min(this.peerParameters!.activeConnectionIdLimit, config.limits.activeConnectionIdLimit),
    );
    const { trace, version } = this.#parts;
    trace?.({ type: "quic:connection-state-updated", state: "handshake-complete" }, this.#parts.now);
    trace?.({ type: "quic:negotiated", version: version.current, ...this.facts }, this.#parts.now);
    this.#parts.emit(
      this.#earlyProtocol === undefined
        ? { type: "connected", alpn: complete.alpn }
        : { type: "handshake-complete", acceptedEarlyData: early.isAccepted },
    );
    if (this.#parts.role === "server") {
      this.#parts.frames.isHandshakeDonePending = true;
      const { issueToken, remote } = this.#options!;
      this.#parts.frames.newToken = issueToken?.(remote, version.current, this.#parts.now);
      this.confirmHandshake();
    }
  }

  /** RFC 9001 §4.1.2, §4.9.2. */
  confirmHandshake(): void {
    const { handshake, trace } = this.#parts;
    if (handshake.isConfirmed) return;
    handshake.confirm();
    trace?.({ type: "quic:connection-state-updated", state: "handshake-confirmed" }, this.#parts.now);
    this.#discard(EncryptionLevel.initial);
    this.#discard(EncryptionLevel.handshake);
    // Only long headers have it.
    const { sourceId, paths } = this.#parts;
    sourceId.compact();
    paths.primary.remoteIds.active.compact();
    this.#options = undefined;
    const preferred = this.peerParameters?.preferredAddress;
    if (preferred === undefined) return;
    // RFC 9000 §9.6: a client moves once the handshake is confirmed.
    this.#parts.emit({ type: "preferred-address", addresses: preferredAddresses(preferred) });
  }
}

/** Drafts of RESET_STREAM_AT up to 08 have another id for the same parameter. */
const streamLimits = (parameters: TransportParameters): PeerStreamLimits =>
  parameters.resetStreamAtDraft ? { ...parameters, resetStreamAt: true } : parameters;

/** The server has read nothing of the early data, so another connection can send it. */
const rejection = (why: string) =>
  transportError("NO_ERROR", "0-RTT", `was rejected, and cannot continue on this connection: ${why}`);
