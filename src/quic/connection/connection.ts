/**
 * One QUIC connection (RFC 9000), as a state machine without I/O. It coordinates the owners of each kind of
 * state (paths, handshake spaces, keys, streams, closing, idle), and owns little itself.
 *
 * Calling order: see `base/datagrams.ts`. The endpoint drives it; the application uses it as a `StreamTransport`.
 */

import type { ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { TlsIdentity } from "../../tls/handshake.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { DatagramFacts } from "../datagram/index.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { TransportParameters } from "../params/index.ts";
import type { IssuedConnectionId, PathChooser, PathSpace, Paths } from "../path/index.ts";
import type { Route } from "../route/index.ts";
import type { SendPriority, SendSession, SendSource, StreamFacts } from "../streams/index.ts";
import type { QuicTrace } from "../trace.ts";
import type {
  DatagramFlow,
  DatagramFlowOptions,
  DatagramTransport,
  StreamChunk,
  StreamDirection,
  StreamId,
  StreamTransport,
} from "../transport.ts";
import type { MigrationRefusal } from "./active-migration.ts";
import { ConnectionCore } from "./core.ts";
import type { HandshakeFacts } from "./establishment.ts";
import type { Handshake } from "./handshake.ts";
import type { ConnectionEvent, ConnectionOptions } from "./options.ts";
import type { PathOptions, RouteAddresses } from "./path-factory.ts";
import type { ConnectionStats } from "./stats.ts";
import { ExcessiveLoad } from "./work-budget.ts";

export class Connection implements StreamTransport, DatagramTransport {
  readonly #core: ConnectionCore;
  #excessiveLoadCode: VarInt | undefined;

  constructor(options: ConnectionOptions) {
    const { role, now, version, local, remote, config } = options;
    const { congestionControl, timerGrain } = config;
    const start = { role, version, local, remote, congestionControl, timerGrain };
    options.trace?.({ type: "quic:connection-started", ...start }, now);
    const core = new ConnectionCore(options);
    this.#core = core;
    if (role === "client") this.#guard(now, () => core.handshake.start(now));
  }

  // ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get role(): "client" | "server" {
    return this.#core.role;
  }

  get stats(): ConnectionStats {
    return this.#core.stats;
  }

  get paths(): Paths {
    return this.#core.paths;
  }

  /** The active route of the primary path. */
  get route(): Route {
    return this.#core.paths.primary.routes.active;
  }

  get remoteAddress(): SocketAddress {
    return this.route.remote;
  }

  get localAddress(): SocketAddress | undefined {
    return this.route.local;
  }

  get peerParameters(): TransportParameters | undefined {
    return this.#core.establishment.peerParameters;
  }

  get handshakeFacts(): HandshakeFacts | undefined {
    return this.#core.establishment.facts;
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#core.handshake.exportKeyingMaterial(label, context, length);
  }

  get isHandshakeComplete(): boolean {
    return this.#core.handshake.isComplete;
  }

  get isHandshakeConfirmed(): boolean {
    return this.#core.handshake.isConfirmed;
  }

  get isOpen(): boolean {
    return this.#core.closing.isOpen;
  }

  /** True if nothing is left to do, so that the endpoint can remove the connection. */
  get isClosed(): boolean {
    return this.#core.closing.isClosed;
  }

  /** Releases the keys. Must be called once nothing is received or sent any more. */
  free(): void {
    this.#core.establishment.freeKeys();
    this.#core.trace?.({ type: "quic:connection-freed" }, this.#core.now);
  }

  get activeStreams(): number {
    return this.#core.streams.activeStreams;
  }

  /** Counters of the datagrams. */
  get datagramFacts(): DatagramFacts {
    return this.#core.datagrams;
  }

  /** Memory and traffic of the streams. */
  get streamFacts(): StreamFacts {
    return this.#core.streams;
  }

  /** The number of updates of the keys that we send with. */
  get keyGeneration(): number {
    return this.#core.oneRtt.writeGeneration;
  }

  /** The negotiated version of QUIC; before negotiation, that of the client's first flight. */
  get version(): number {
    return this.#core.version.current;
  }

  get sourceId(): ConnectionId {
    return this.#core.sourceId;
  }

  /** The listener of the connection's events, if there is one. */
  get trace(): QuicTrace | undefined {
    return this.#core.trace;
  }

  // ── Input ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Handles datagrams [from, to) of the batch. */
  handleDatagrams(received: ReceivedBatch, from: number, to: number, now: Instant): void {
    const { closing } = this.#core;
    // RFC 9000 §10.2.2: nothing is sent while draining. While closing, we must still see the peer's own CONNECTION_CLOSE.
    if (!closing.isOpen && closing.state.type !== "closing") return;
    this.#guard(now, () => {
      this.#core.receiver.handleDatagrams(received, from, to, now);
      this.#core.establishment.retryUndecrypted(now);
      this.#core.timers.onReceived();
    });
  }

  /** Does what is due at `now`. */
  handleTimeout(now: Instant): void {
    this.#guard(now, () => this.#core.timers.handle(now));
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    return this.#core.timers.next(this.#core.now);
  }

  /** The host's verdict on the peer's certificate chain; undefined accepts it. */
  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void {
    this.#answer((handshake) => handshake.certificateVerdict(failure, now), now);
  }

  /** The host's identity for the client; undefined refuses it. */
  identitySelected(identity: TlsIdentity | undefined, now: Instant): void {
    this.#answer((handshake) => handshake.identitySelected(identity, now), now);
  }

  #answer(act: (handshake: Handshake) => void, now: Instant): void {
    if (!this.isOpen) return;
    this.#guard(now, () => {
      act(this.#core.handshake);
      this.#core.establishment.retryUndecrypted(now);
    });
    this.#core.host.onWake();
  }

  /** A datagram ended with the reset token of the peer's id in use (RFC 9000 §10.3.1). */
  handleStatelessReset(now: Instant): void {
    this.#core.now = now;
    this.#core.drain({ type: "stateless-reset" });
  }

  // ── Output ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes at most `maxSegments` datagrams; undefined if nothing may be sent now. */
  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    this.#core.now = now;
    try {
      return this.#core.sender.pollTransmit(slots, maxSegments, now);
    } catch (error) {
      // If not even CONNECTION_CLOSE can be written, the connection ends without it.
      if (!this.isOpen) {
        this.abandon();
        return undefined;
      }
      this.fail(error);
      return this.pollTransmit(slots, maxSegments, now);
    }
  }

  /** The socket took the first `sent` datagrams of the last train; the rest are lost. */
  handleSent(transmit: Transmit, sent: number): void {
    this.stats.countSent(transmit, sent);
  }

  /** Returns the next event; undefined if there is none. */
  pollEvent(): ConnectionEvent | undefined {
    const event = this.#core.events.peek();
    if (event === undefined) return undefined;
    // Done before removing the event, so that a source owner that throws on release does not cost the event.
    if (event.type === "closed") this.#core.release();
    this.#core.events.remove();
    return event;
  }

  // ── Commands: what a protocol above sees (StreamTransport) ────────────────────────────────────────────────────────

  openStream(direction: StreamDirection, id?: StreamId): StreamId | undefined {
    const { streams } = this.#core;
    const opened = streams.openStream(direction, id);
    if (streams.hasControlFrames) this.#core.host.onWake();
    return opened;
  }

  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean {
    const hasRoom = this.#core.streams.write(id, data, fin);
    this.#core.host.onWake();
    return hasRoom;
  }

  setPriority(id: StreamId, priority: SendPriority): void {
    this.#core.streams.setPriority(id, priority);
  }

  peerStreamLimit(direction: StreamDirection): number {
    return this.#core.streams.peerStreamLimit(direction);
  }

  openSession(urgency?: number): SendSession {
    return this.#core.streams.openSession(urgency);
  }

  writableBytes(id: StreamId): number {
    return this.#core.streams.writableBytes(id);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const { streams } = this.#core;
    const chunk = streams.read(id, max);
    if (chunk !== undefined && streams.hasControlFrames) this.#core.host.onWake();
    return chunk;
  }

  get maxDatagramPayload(): number {
    return this.#core.datagrams.maxPayload;
  }

  openDatagramFlow(options?: DatagramFlowOptions): DatagramFlow {
    return this.#core.datagrams.openFlow(options);
  }

  readDatagram(): Uint8Array | undefined {
    const { datagrams, work } = this.#core;
    const data = datagrams.read();
    if (data !== undefined) work.onDatagramRead(data.length);
    return data;
  }

  reset(id: StreamId, code: VarInt, reliableSize?: number): void {
    this.#core.streams.reset(id, code, reliableSize);
    this.#core.host.onWake();
  }

  stopSending(id: StreamId, code: VarInt): void {
    this.#core.streams.stopSending(id, code);
    this.#core.host.onWake();
  }

  watchDropped(id: StreamId, onDropped: (bytes: number) => void): void {
    this.#core.streams.watchDropped(id, onDropped);
  }

  close(code: VarInt, phrase: string): void {
    this.#core.close({ type: "local", layer: "application", code, phrase });
  }

  /** Sends a silent peer a last probe now. The connection ends if no response arrives within a few probe timeouts. */
  expectAnswer(now: Instant): void {
    if (this.isOpen && this.#core.timers.expectAnswer(now)) this.#core.host.onWake();
  }

  setExcessiveLoadCode(code: VarInt): void {
    this.#excessiveLoadCode = code;
  }

  countWork(work: number): void {
    if (this.isOpen) this.#guard(this.#core.now, () => this.#core.work.spend(work));
  }

  /** Ends the connection silently, without telling the peer, for hosts that are shutting down. */
  abandon(): void {
    this.#core.abandon({
      type: "local",
      layer: "transport",
      code: TRANSPORT_ERRORS.NO_ERROR.code,
      phrase: "abandoned",
    });
  }

  /**
   * Opens another path with its own packet number space, connection ids and route. Both sides must open it; the caller
   * must negotiate it (draft-ietf-quic-multipath).
   */
  openPath(options: PathOptions): PathSpace {
    const path = this.#core.pathFactory.open(options);
    this.#core.paths.open(path);
    this.#core.host.onWake();
    return path;
  }

  /** Makes a path send on this route from now on (RFC 9000 §9.3). */
  activateRoute(path: PathSpace, route: Route): void {
    path.routes.activate(route);
    this.#core.host.onWake();
  }

  /** Chooses the paths to send on from now on. */
  choosePaths(chooser: PathChooser): void {
    this.#core.paths.chooser = chooser;
    this.#core.host.onWake();
  }

  /** Issues a connection id of ours for a path to be opened. */
  issueConnectionId(): IssuedConnectionId {
    return this.#core.host.issue();
  }

  /**
   * Client only: moves the connection to another address of ours, or of the server (RFC 9000 §9.2). The new route is
   * validated first: "migrated" or "migration-failed" follows. Returns a reason if that cannot start now.
   */
  migrate(local: SocketAddress, remote: SocketAddress, now: Instant): MigrationRefusal | undefined {
    const refusal = this.#core.migration.begin(local, remote, now);
    this.#core.host.onWake();
    return refusal;
  }

  /** Adds a route on which a path may send and receive (RFC 9000 §9). */
  addRoute(path: PathSpace, addresses: RouteAddresses): Route {
    const route = this.#core.pathFactory.addRoute(path, addresses);
    this.#core.host.onWake();
    return route;
  }

  /** Updates the 1-RTT keys (RFC 9001 §6.1). Returns false while the rules forbid it. */
  updateKeys(): boolean {
    const isUpdated = this.#core.oneRtt.initiateUpdate(this.#core.now);
    if (isUpdated) this.#core.host.onWake();
    return isUpdated;
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs code that a peer's input may make fail. A protocol violation closes the connection with its code. */
  #guard(now: Instant, work: () => void): void {
    this.#core.now = now;
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Closes the connection after an exception: with a peer's violation, or INTERNAL_ERROR for code of ours or the host's. */
  fail(error: unknown): void {
    if (error instanceof ExcessiveLoad && this.#excessiveLoadCode !== undefined) {
      this.close(this.#excessiveLoadCode, error.message);
    } else if (error instanceof ProtocolError) {
      this.#core.close({ type: "local", layer: "transport", code: error.code, phrase: error.message, cause: error });
    } else {
      // An exception in our code ends this connection, not the process; the event carries the cause.
      const { code, sentence } = TRANSPORT_ERRORS.INTERNAL_ERROR;
      this.#core.close({ type: "local", layer: "transport", code, phrase: sentence, cause: error });
    }
  }

  /** The PTO of the primary path without backoff (RFC 9002 §6.2.1). */
  get probeTimeout(): Micros {
    return this.#core.timers.probeTimeout;
  }
}
