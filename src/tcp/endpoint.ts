/**
 * All connections of a host (RFC 9293 §3.10): which one a segment is for, listeners, resets for what belongs to none,
 * ports, deadlines, and whose turn it is to send.
 */

import { Fifo } from "../base/fifo.ts";
import { RateLimit } from "../base/rate-limit.ts";
import type { Rng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import { HeapTimer, TimerHeap } from "../base/timer-heap.ts";
import type { IcmpError, IpPacket, OutgoingPacket, PathInfo, SendResult } from "../ip/index.ts";
import { isMulticast, isUnspecified } from "../ip/index.ts";
import { addressKey } from "../wire/ip-address.ts";
import { type ArrivalCounts, arrive } from "./arrival.ts";
import { type ConnectionOwner, TcpConnection, type TcpConnectionOptions, type TcpEventType } from "./connection.ts";
import { connectionDefaults } from "./defaults.ts";
import type { ResetFormat } from "./diagnostics/payload.ts";
import { ResetCode } from "./diagnostics/reasons.ts";
import { findPort, flowKey, mssOf, portKey } from "./flows.ts";
import { applyIcmpError } from "./icmp-errors.ts";
import { type FlowEnds, InitialSequences } from "./initial-sequence.ts";
import { type ListenOptions, TcpListener } from "./listener.ts";
import { Flag, parseSegment, type Segment, type TcpDropReason } from "./segment.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { isOlderTimestamp, positionOf } from "./sequence.ts";

/** SYN cookies per second. */
const COOKIES_PER_SECOND = 100_000;
const MAX_CONNECTIONS = 65_536;
/** Segments of one connection before the next has its turn. */
const BURST = 16;

export interface TcpOwner {
  send(packet: OutgoingPacket, now: Instant): SendResult;
  path(destination: Uint8Array, source: Uint8Array | undefined, now: Instant): PathInfo | undefined;
  isOwn(address: Uint8Array): boolean;
  /** The neighbour answers (RFC 4861 §7.3.1). */
  confirm(remote: Uint8Array, now: Instant): void;
  /** MUST-20, negative advice: it may not. */
  suspect(remote: Uint8Array, now: Instant): void;
}

export interface TcpEndpointOptions {
  /** Puts the reason into resets (draft-ietf-tcpm-rst-diagnostic-payload); off by default, as the draft says. */
  readonly resetDiagnostics?: ResetFormat | "off";
  readonly connection?: Partial<TcpConnectionOptions>;
}

export type TcpEvent =
  | { readonly type: TcpEventType; readonly connection: TcpConnection }
  | { readonly type: "accepted"; readonly listener: TcpListener };

export type ConnectError = "EADDRNOTAVAIL" | "EADDRINUSE" | "ENETUNREACH" | "EINVAL";

interface Entry {
  readonly connection: TcpConnection;
  readonly key: string;
  readonly timer: HeapTimer<Entry>;
  listener: TcpListener | undefined;
  isReady: boolean;
  /** Event types that wait to be polled. */
  readonly pending: Set<TcpEventType>;
}

export class TcpEndpoint implements ConnectionOwner {
  readonly dropped: Partial<Record<TcpDropReason | "broadcast" | "no-listener" | "too-many", number>> = {};
  readonly counts: ArrivalCounts = {};
  readonly #owner: TcpOwner;
  readonly #rng: Rng;
  readonly #options: TcpEndpointOptions;
  readonly #initials: InitialSequences;
  readonly #writer: SegmentWriter;
  readonly #entries = new Map<string, Entry>();
  readonly #byConnection = new Map<TcpConnection, Entry>();
  readonly #listeners = new Map<number, TcpListener[]>();
  readonly #timers = new TimerHeap<Entry>();
  readonly #ready = new Fifo<Entry>();
  readonly #events = new Fifo<TcpEvent>();
  readonly #cookies = new RateLimit(COOKIES_PER_SECOND);

  constructor(owner: TcpOwner, rng: Rng, options: TcpEndpointOptions = {}) {
    this.#owner = owner;
    this.#rng = rng;
    this.#options = options;
    this.#initials = new InitialSequences(rng);
    this.#writer = new SegmentWriter((packet, now) => owner.send(packet, now), options.resetDiagnostics ?? "off");
  }

  get size(): number {
    return this.#entries.size;
  }

  *connections(): IterableIterator<TcpConnection> {
    for (const { connection } of this.#entries.values()) yield connection;
  }

  // The application's calls.

  /** Undefined if the address and port are taken. */
  listen(options: ListenOptions): TcpListener | undefined {
    const port = options.port === 0 ? this.#freeListenPort(options) : options.port;
    if (port === undefined || this.#isListening(options, port)) return undefined;
    const listener = new TcpListener(options, port);
    const key = portKey(options.version, port);
    this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener]);
    return listener;
  }

  unlisten(listener: TcpListener, now: Instant): void {
    const key = portKey(listener.version, listener.port);
    const left = (this.#listeners.get(key) ?? []).filter((other) => other !== listener);
    if (left.length === 0) this.#listeners.delete(key);
    else this.#listeners.set(key, left);
    for (const entry of this.#entries.values()) {
      if (entry.listener === listener && entry.connection.state === "SYN-RECEIVED") {
        entry.connection.abort(ResetCode.aborted, now);
      }
    }
    for (let waiting = listener.accept(); waiting !== undefined; waiting = listener.accept()) {
      waiting.abort(ResetCode.aborted, now);
    }
  }

  /** OPEN, active. `local` may fix the address (MUST-43) and port. */
  connect(
    remote: Uint8Array,
    remotePort: number,
    now: Instant,
    local: { readonly address?: Uint8Array | undefined; readonly port?: number | undefined } = {},
    options: Partial<TcpConnectionOptions> = {},
  ): TcpConnection | ConnectError {
    // MUST-46.
    if (isMulticast(remote) || isUnspecified(remote) || remotePort === 0) return "EINVAL";
    if (local.address !== undefined && !this.#owner.isOwn(local.address)) return "EADDRNOTAVAIL";
    const path = this.#owner.path(remote, local.address, now);
    if (path === undefined) return "ENETUNREACH";
    const ends = { local: path.source, remote, remotePort };
    const localPort = local.port ?? this.#freePort(ends);
    if (localPort === undefined || this.#entries.size >= MAX_CONNECTIONS) return "EADDRNOTAVAIL";
    const flow = { ...ends, localPort };
    if (this.#entries.has(flowKey(flow))) return "EADDRINUSE";
    return this.#create(flow, path, { ...this.#options.connection, ...options }, undefined, undefined, now).connection;
  }

  /** Call after writing, reading, ending or aborting: something may leave. */
  touch(connection: TcpConnection): void {
    const entry = this.#byConnection.get(connection);
    if (entry === undefined) return;
    this.#makeReady(entry);
  }

  pollEvent(): TcpEvent | undefined {
    const event = this.#events.shift();
    if (event !== undefined && event.type !== "accepted") {
      this.#byConnection.get(event.connection)?.pending.delete(event.type);
    }
    return event;
  }

  // What arrives.

  handle(packet: IpPacket, isGroup: boolean, now: Instant): void {
    const segment = parseSegment(packet);
    if (typeof segment === "string") {
      this.#drop(segment);
      return;
    }
    const { source, sourcePort, destination, destinationPort } = segment;
    // MUST-57, MUST-63.
    if (isGroup || isMulticast(source) || isUnspecified(source)) {
      this.#drop("broadcast");
      return;
    }
    if (sourcePort === 0 || destinationPort === 0) {
      this.#drop("port-zero");
      return;
    }
    if (sourcePort === destinationPort && addressKey(source) === addressKey(destination)) {
      this.#drop("land");
      return;
    }
    const flow = { local: destination, localPort: destinationPort, remote: source, remotePort: sourcePort };
    const entry = this.#entries.get(flowKey(flow));
    if (entry === undefined) {
      this.#handleStray(segment, flow, now);
      return;
    }
    if (this.#isNewIncarnation(entry.connection, segment)) {
      entry.connection.close(undefined, now);
      this.#handleStray(segment, flow, now);
      return;
    }
    this.#arrive(entry, segment, now);
  }

  #arrive(entry: Entry, segment: Segment, now: Instant): void {
    const { connection } = entry;
    const before = connection.sender.una;
    const path = this.#owner.path(connection.remote, connection.local, now);
    arrive(connection, segment, mssOf(path, connection.remote), this.counts, now);
    if (connection.sender.una > before) this.#owner.confirm(connection.remote, now);
    this.#makeReady(entry);
  }

  /** MAY-2, RFC 6191: a SYN that is certainly newer than the connection in TIME-WAIT starts another one. */
  #isNewIncarnation(
    { state, receiver, recentTimestamp }: TcpConnection,
    { flags, sequence, options }: Segment,
  ): boolean {
    if (state !== "TIME-WAIT" || (flags & (Flag.syn | Flag.ack | Flag.rst)) !== Flag.syn) return false;
    const value = options?.timestamp?.value;
    if (value !== undefined && recentTimestamp !== undefined) return isOlderTimestamp(recentTimestamp, value);
    return positionOf(receiver.initial, sequence, receiver.next) > receiver.next;
  }

  /** CLOSED and LISTEN (RFC 9293 §3.10.7.1, §3.10.7.2). */
  #handleStray(segment: Segment, flow: FlowEnds, now: Instant): void {
    const { flags } = segment;
    const listener = this.#listenerFor(flow);
    if (listener === undefined) {
      this.#drop("no-listener");
      if ((flags & Flag.rst) === 0) {
        this.refuse(segment, (flags & Flag.ack) !== 0 ? ResetCode.unexpectedAck : ResetCode.notAuthorized, now);
      }
      return;
    }
    // First: RST. Second: ACK. Third: SYN.
    if ((flags & Flag.rst) !== 0) return;
    if ((flags & Flag.ack) !== 0) {
      if ((flags & Flag.syn) === 0 && this.#acceptCookie(listener, segment, flow, now)) return;
      this.refuse(segment, ResetCode.unexpectedAck, now);
      return;
    }
    // SYN with FIN opens nothing (as Linux does).
    if ((flags & Flag.syn) === 0 || (flags & Flag.fin) !== 0) return;
    // MUST-7 asks to survive; Linux ignores the options. Here the peer learns what was wrong.
    if (segment.options === undefined) {
      this.refuse(segment, ResetCode.illegalOptionLength, now);
      return;
    }
    const path = this.#owner.path(flow.remote, flow.local, now);
    if (path === undefined) return;
    if (listener.isFull || this.#entries.size >= MAX_CONNECTIONS) {
      this.#sendCookie(listener, segment, flow, path, now);
      return;
    }
    const options = { ...this.#options.connection, ...listener.connectionOptions };
    const entry = this.#create(flow, path, options, listener, undefined, now);
    listener.halfOpen += 1;
    this.#acceptSyn(entry, segment, path, now);
  }

  #acceptSyn({ connection }: Entry, segment: Segment, path: PathInfo, now: Instant): void {
    const { receiver, sender } = connection;
    receiver.start(segment.sequence);
    connection.acceptOptions(segment.options ?? {}, mssOf(path, connection.remote), now);
    // RFC 3168 §6.1.1.
    connection.usesEcn = (segment.flags & (Flag.ece | Flag.cwr)) === (Flag.ece | Flag.cwr);
    sender.window = segment.window;
    sender.maxWindow = segment.window;
    // Data with the SYN is sent again by the peer, once the connection is established.
  }

  /** Nothing is kept of the SYN: the ISN is a cookie (RFC 4987 §3.6). */
  #sendCookie(listener: TcpListener, segment: Segment, flow: FlowEnds, path: PathInfo, now: Instant): void {
    if (!this.#cookies.take(now)) return;
    listener.cookiesSent += 1;
    const mss = Math.min(segment.options?.mss ?? 536, mssOf(path, flow.remote));
    const own = mssOf(path, flow.remote);
    this.#writer.send(
      flow,
      {
        sourcePort: flow.localPort,
        destinationPort: flow.remotePort,
        sequence: this.#initials.cookie(flow, segment.sequence, mss, now),
        acknowledgment: (segment.sequence + 1) >>> 0,
        flags: Flag.syn | Flag.ack,
        window: 0xffff,
        urgentPointer: 0,
        options: { mss: own },
      },
      undefined,
      now,
    );
  }

  #acceptCookie(listener: TcpListener, segment: Segment, flow: FlowEnds, now: Instant): boolean {
    if (listener.cookiesSent === 0) return false;
    const peerInitial = (segment.sequence - 1) >>> 0;
    const cookie = (segment.acknowledgment - 1) >>> 0;
    const mss = this.#initials.checkCookie(flow, peerInitial, cookie, now);
    const path = this.#owner.path(flow.remote, flow.local, now);
    if (mss === undefined || path === undefined || this.#entries.size >= MAX_CONNECTIONS) {
      listener.cookiesRefused += 1;
      return false;
    }
    listener.cookiesAccepted += 1;
    // The options of the SYN are gone, but for the MSS.
    const options = { ...this.#options.connection, ...listener.connectionOptions };
    const entry = this.#create(flow, path, options, listener, cookie, now);
    listener.halfOpen += 1;
    const { connection } = entry;
    connection.receiver.start(peerInitial);
    connection.acceptOptions({ mss }, mssOf(path, flow.remote), now);
    connection.sender.window = segment.window;
    connection.sender.maxWindow = segment.window;
    // The SYN-ACK counts as sent.
    connection.sender.poll(now);
    connection.receiver.windowField(connection.ownMss, false);
    this.#arrive(entry, segment, now);
    return true;
  }

  /** Returns true if a connection may have sent the quoted segment. */
  handleError(error: IcmpError, now: Instant): boolean {
    const { transport, source, destination } = error;
    const view = new DataView(transport.buffer, transport.byteOffset);
    const flow = { local: source, localPort: view.getUint16(0), remote: destination, remotePort: view.getUint16(2) };
    const entry = this.#entries.get(flowKey(flow));
    if (entry === undefined) return false;
    const isOurs = applyIcmpError(entry.connection, error.kind, view.getUint32(4), now);
    if (isOurs) this.#makeReady(entry);
    return isOurs;
  }

  // Time, and what leaves.

  nextTimeout(): Instant | undefined {
    return this.#timers.next;
  }

  handleTimeout(now: Instant): void {
    for (let entry = this.#timers.popExpired(now); entry !== undefined; entry = this.#timers.popExpired(now)) {
      entry.connection.handleTimeout(now);
      this.#makeReady(entry);
    }
  }

  /** Sends what may leave now; round-robin, so that no connection starves the others. */
  flush(now: Instant): void {
    for (let entry = this.#ready.shift(); entry !== undefined; entry = this.#ready.shift()) {
      entry.isReady = false;
      if (!this.#entries.has(entry.key)) continue;
      this.#refreshPath(entry, now);
      let sent = 0;
      for (; sent < BURST; sent += 1) {
        const segment = entry.connection.poll(now);
        if (segment === undefined) break;
        if (this.#writer.emit(segment, now) === "device-full") {
          // It counts as sent, and so is recovered as a loss.
          sent = 0;
          break;
        }
      }
      if (sent === BURST) this.#makeReady(entry);
      else this.#timers.set(entry.timer, entry.connection.nextTimeout());
    }
  }

  #refreshPath({ connection }: Entry, now: Instant): void {
    const path = this.#owner.path(connection.remote, connection.local, now);
    if (path === undefined) return;
    connection.sender.mayBurst = path.offloads;
    // The path's MTU shrank (RFC 1191 §6.4).
    const most = mssOf(path, connection.remote) - (connection.hasTimestamps ? 12 : 0);
    if (most < connection.sender.mss) connection.sender.setMss(Math.max(most, 88));
  }

  // What connections ask (ConnectionOwner).

  notify(connection: TcpConnection, type: TcpEventType): void {
    const entry = this.#byConnection.get(connection);
    if (entry === undefined) return;
    const { listener } = entry;
    if (listener !== undefined) {
      if (type === "connected") this.#accept(entry, listener);
      else if (type === "closed") listener.halfOpen -= 1;
      // Before it is accepted, nobody listens to its events.
      return;
    }
    if (entry.pending.has(type)) return;
    entry.pending.add(type);
    this.#events.push({ type, connection });
  }

  /** MUST-12: also what happened before the application asked for events is told. */
  #accept(entry: Entry, listener: TcpListener): void {
    listener.halfOpen -= 1;
    entry.listener = undefined;
    if (listener.push(entry.connection)) this.#events.push({ type: "accepted", listener });
    else {
      this.#drop("too-many");
      entry.connection.abort(ResetCode.resourceExceeded, entry.connection.sender.heardAt);
    }
  }

  sendReset(connection: TcpConnection, code: number, now: Instant): void {
    this.#writer.sendReset(connection, code, now);
  }

  refuse(segment: Segment, code: number, now: Instant): void {
    this.#writer.refuse(segment, code, now);
  }

  remove(connection: TcpConnection): void {
    const entry = this.#byConnection.get(connection);
    if (entry === undefined) return;
    this.#timers.set(entry.timer, undefined);
    this.#entries.delete(entry.key);
    this.#byConnection.delete(connection);
  }

  suspect(remote: Uint8Array, now: Instant): void {
    this.#owner.suspect(remote, now);
  }

  #create(
    flow: FlowEnds,
    path: PathInfo,
    options: Partial<TcpConnectionOptions>,
    listener: TcpListener | undefined,
    initial: number | undefined,
    now: Instant,
  ): Entry {
    const connection = new TcpConnection(
      this,
      flow,
      {
        initial: initial ?? this.#initials.next(flow, now),
        timestampOffset: this.#initials.timestampOffset(flow),
        ownMss: mssOf(path, flow.remote),
        options: { ...connectionDefaults(), ...options },
        isPassive: listener !== undefined,
        rng: this.#rng,
      },
      now,
    );
    const entry: Omit<Entry, "timer"> & { timer?: HeapTimer<Entry> } = {
      connection,
      key: flowKey(flow),
      listener,
      isReady: false,
      pending: new Set(),
    };
    entry.timer = new HeapTimer<Entry>(entry as Entry);
    this.#entries.set(entry.key, entry as Entry);
    this.#byConnection.set(connection, entry as Entry);
    this.#makeReady(entry as Entry);
    return entry as Entry;
  }

  #makeReady(entry: Entry): void {
    if (entry.isReady || entry.connection.state === "CLOSED") return;
    entry.isReady = true;
    this.#ready.push(entry);
  }

  #listenerFor({ local, localPort }: FlowEnds): TcpListener | undefined {
    const all = this.#listeners.get(portKey(local.length === 4 ? 4 : 6, localPort)) ?? [];
    return (
      all.find(({ address }) => address !== undefined && addressKey(address) === addressKey(local)) ??
      all.find(({ address }) => address === undefined)
    );
  }

  #isListening({ version, address }: ListenOptions, port: number): boolean {
    return (this.#listeners.get(portKey(version, port)) ?? []).some(({ address: other }) =>
      other === undefined || address === undefined ? other === address : addressKey(other) === addressKey(address),
    );
  }

  #freeListenPort(options: ListenOptions): number | undefined {
    return findPort(this.#rng, (port) => !this.#isListening(options, port));
  }

  #freePort(ends: Omit<FlowEnds, "localPort">): number | undefined {
    return findPort(this.#rng, (localPort) => !this.#entries.has(flowKey({ ...ends, localPort })));
  }

  #drop(reason: TcpDropReason | "broadcast" | "no-listener" | "too-many"): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }
}
