/**
 * One end of a channel that carries flows: packets in, packets out, without I/O.
 *
 * Calling order for a driver: `handlePacket` and `handleTimeout` as things happen; then drain `pollEvent`, let the application act,
 * drain `pollPacket`, and ask `nextTimeout`.
 */

import { Fifo } from "../../base/fifo.ts";
import { after, earliest, type Instant, type Micros, micros, millis } from "../../base/time.ts";
import { Copa } from "../../congestion/copa.ts";
import { emitPacket, headerLength } from "../packet/emit.ts";
import { FlowPacketError } from "../packet/errors.ts";
import { unitLength } from "../packet/layout.ts";
import { parsePacket } from "../packet/parse.ts";
import { ALL_FLOWS, type ConfirmUnit, type FlowPacket, NO_DEADLINE, PacketFlag, type Unit } from "../packet/types.ts";
import type { StreamPiece } from "../receive/byte-stream.ts";
import type { InFlowStats } from "../receive/in-flow.ts";
import { Receivers } from "../receive/receivers.ts";
import type { MessageOptions } from "../send/message-queue.ts";
import type { OutFlowStats } from "../send/out-flow.ts";
import type { Outlook } from "../send/queue.ts";
import { type Filling, Senders, type SendFlowOptions } from "../send/senders.ts";
import { Arrivals } from "./arrivals.ts";
import { FLOW_CLOSE, FlowError } from "./errors.ts";
import type { DropCounts, FlowEvent, Resources } from "./events.ts";
import { DEFAULT_IDLE_TIMEOUT, DEFAULT_PACKET_SIZE, KEEPALIVE_INTERVAL } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import { PeerClock, timestampOf } from "./peer-clock.ts";
import { Recovery, type RecoveryStats } from "./recovery.ts";
import { Reports } from "./reports.ts";

/** The longest PAUSE, and the farthest GRANT. */
const MAX_AHEAD = millis(3_600_000);

/** How a session is set up. */
export interface FlowSessionOptions {
  /** Which of the two ends this is: it decides the ids of flows. */
  readonly isServer: boolean;
  /** Bytes of the largest packet that the channel carries; 1,200 by default. */
  readonly packetSize?: number;
  /** What a round trip takes, if the channel knows; a third of a second by default. */
  readonly initialRtt?: Micros;
  /** Without a packet from the peer for this long, the session is over; 30 s by default. */
  readonly idleTimeout?: Micros;
  /** The longest delay of the host's timers; 1 ms by default. */
  readonly grain?: Micros;
  /** Milliseconds of the receiver's queue above which data that is early waits; 50 by default. */
  readonly targetQueue?: number;
  /** Writes checksums, for channels that do not protect what they carry. */
  readonly hasChecksums?: boolean;
  /** The relays that this session's packets have passed. */
  readonly path?: readonly number[];
}

/** Everything that a session counts. */
export interface FlowSessionStats extends RecoveryStats {
  readonly drops: DropCounts;
  /** Microseconds. */
  readonly rtt: number;
  readonly window: number;
  /** How often the peer's clock was set. */
  readonly clockJumps: number;
}

/** One end of a channel. */
export class FlowSession {
  readonly #packetSize: number;
  readonly #path: readonly number[];
  readonly #hasChecksums: boolean;
  readonly #idleTimeout: Micros;
  readonly #drops: DropCounts = { malformed: 0, repeated: 0, corrupt: 0, unknown: 0, strays: 0, forged: 0 };
  readonly #events = new Fifo<FlowEvent>();
  readonly #outbox = new Outbox();
  readonly #arrivals = new Arrivals();
  readonly #clock = new PeerClock();
  readonly #recovery: Recovery;
  readonly #senders: Senders;
  readonly #receivers: Receivers;
  readonly #reports: Reports;
  readonly #isServer: boolean;
  #peerPath: readonly number[] = [];
  /** Of the last call. */
  #now = 0 as Instant;
  #lastReceived: Instant | undefined;
  #lastSent: Instant | undefined;
  /** Of us or the peer; undefined while it lives. */
  #closed: { readonly code: number; readonly isOurs: boolean } | undefined;
  /** A packet that says so is still to leave. */
  #owesClose = false;
  #wantsProbe = false;

  constructor(options: FlowSessionOptions) {
    const { isServer, packetSize = DEFAULT_PACKET_SIZE, initialRtt, grain = millis(1), path = [] } = options;
    this.#isServer = isServer;
    this.#packetSize = packetSize - 4 * path.length;
    this.#path = path;
    this.#hasChecksums = options.hasChecksums ?? false;
    this.#idleTimeout = options.idleTimeout ?? DEFAULT_IDLE_TIMEOUT;
    // By delay, so that urgent packets find short queues.
    const controller = new Copa(packetSize);
    this.#recovery = new Recovery({ controller, packetSize, initialRtt, grain });
    const emit = (event: FlowEvent): void => this.#events.push(event);
    this.#senders = new Senders(isServer, this.#packetSize, this.#outbox, emit);
    this.#receivers = new Receivers(isServer, this.#outbox, this.#drops, emit);
    this.#reports = new Reports(options.targetQueue ?? 50);
  }

  /** Undefined while the session lives. */
  get closed(): { readonly code: number; readonly isOurs: boolean } | undefined {
    return this.#closed;
  }

  /** The relays between the peer and us, as its last packet told. */
  get peerPath(): readonly number[] {
    return this.#peerPath;
  }

  /** Timeouts in a row without an answer: a driver that has another way may take it. */
  get silence(): number {
    return this.#recovery.silence;
  }

  get stats(): FlowSessionStats {
    const { rtt, controller, stats } = this.#recovery;
    const { congestionWindow: window } = controller;
    return { ...stats, drops: { ...this.#drops }, rtt: rtt.smoothed, window, clockJumps: this.#clock.jumps };
  }

  // ---- Flows of ours

  /** Returns the flow's id. */
  open(options: SendFlowOptions): number {
    this.#checkOpen();
    return this.#senders.open(options);
  }

  /** Keeps the bytes until they have arrived. False if the flow holds as much as it may: `writable` follows. */
  send(flow: number, message: Uint8Array, options: MessageOptions = {}): boolean {
    this.#checkOpen();
    return this.#senders.send(flow, message, options);
  }

  /**
   * Copies the bytes, and returns how many it took; if fewer than all, `writable` follows. `due`: until when they are worth
   * something, instead of the stream's lifetime.
   */
  write(flow: number, bytes: Uint8Array, now: Instant, due?: Instant): number {
    this.#checkOpen();
    return this.#senders.write(flow, bytes, now, due);
  }

  /** Leaves bytes of a stream out that nobody has: the receiver reads them as skipped. */
  skip(flow: number, count: number): void {
    this.#checkOpen();
    this.#senders.skip(flow, count);
  }

  /** The flow ends when everything has arrived. */
  finish(flow: number): void {
    this.#checkOpen();
    this.#senders.finish(flow);
  }

  /** Ends a flow of either side at once. */
  cancel(flow: number, code: number = FLOW_CLOSE.CANCELLED.code): void {
    if (this.#senders.remove(flow)) this.#outbox.push("close", { type: "close", flow, code });
    else if (!this.#receivers.refuse(flow, code) && code === FLOW_CLOSE.BROKEN.code) {
      this.#outbox.push("close", { type: "close", flow, code });
    }
  }

  /** Figures of a flow of ours that is open. */
  outgoing(flow: number): OutFlowStats | undefined {
    return this.#senders.stats(flow);
  }

  /** Bytes of a flow of ours that have not arrived. */
  buffered(flow: number): number {
    return this.#senders.buffered(flow);
  }

  // ---- Flows of the peer

  /** The next bytes of a stream; undefined if there are none now. */
  read(flow: number, max: number = Number.POSITIVE_INFINITY): StreamPiece | undefined {
    return this.#receivers.read(flow, max);
  }

  /** True once everything of a stream was read. */
  isFinished(flow: number): boolean {
    return this.#receivers.isFinished(flow);
  }

  /** Figures of a flow of the peer that is open. */
  incoming(flow: number): InFlowStats | undefined {
    return this.#receivers.stats(flow);
  }

  /** Asks the peer to hold a flow back. */
  pause(flow: number): void {
    if (!this.#receivers.hold(flow, true, 0)) throw new FlowError("FLOW_UNKNOWN", `the peer sends no flow ${flow}`);
  }

  /** Lets it go on, at `rate` bytes per second, or without a limit. */
  resume(flow: number, rate = 0): void {
    if (!this.#receivers.hold(flow, false, rate)) throw new FlowError("FLOW_UNKNOWN", `the peer sends no flow ${flow}`);
  }

  /** Lets a paused flow send `bytes` within `window`, from `start` on, or from now. */
  grant(flow: number, bytes: number, window: Micros, start?: Instant): void {
    if (!this.#receivers.has(flow)) throw new FlowError("FLOW_UNKNOWN", `the peer sends no flow ${flow}`);
    const milliseconds = Math.min(Math.ceil(window / 1_000), 0xffff);
    const from = start === undefined ? 0 : timestampOf(start) || 1;
    this.#outbox.push("grant", { type: "grant", flow, bytes, start: from, window: milliseconds });
  }

  /** Tells the sender of a flow how much of it has reached us, its last receiver. */
  confirm(unit: ConfirmUnit): void {
    if (this.#closed === undefined) this.#outbox.push("confirm", unit);
  }

  /** Finds out whether the peer is there: without an answer, `silence` grows. */
  probe(): void {
    this.#wantsProbe = true;
  }

  /** What we can still take: the peer is told every 100 ms, and at once if it changed by a fifth. */
  report(resources: Resources, now: Instant): void {
    this.#reports.set(resources, now);
  }

  /** Ends the session. */
  close(code: number = FLOW_CLOSE.DONE.code): void {
    if (this.#closed !== undefined) return;
    this.#owesClose = true;
    this.#end(code, true);
  }

  // ---- The channel

  /** A packet that the channel has decrypted, from the peer that it has authenticated. */
  handlePacket(bytes: Uint8Array, now: Instant): void {
    this.#now = now;
    if (this.#closed !== undefined) {
      // The peer did not hear it.
      this.#owesClose ||= this.#closed.isOurs;
      return;
    }
    const packet = this.#parse(bytes);
    if (packet === undefined) return;
    const isAwaited = (packet.flags & PacketFlag.ackRequested) !== 0;
    this.#lastReceived = now;
    if (!this.#arrivals.onPacket(packet.sequence, isAwaited, now)) {
      this.#drops.repeated += 1;
      return;
    }
    this.#clock.onPacket(packet.timestamp, now);
    this.#peerPath = packet.path;
    this.#drops.corrupt += packet.corrupt;
    const sentAt = this.#clock.sentAt(packet.timestamp, this.#recovery.minRtt, now);
    for (const unit of packet.units) {
      if (this.#closed === undefined) this.#handleUnit(unit, sentAt, now);
    }
  }

  /** Writes the next packet into `target`. Returns its length; undefined if nothing may be sent now. */
  pollPacket(target: Uint8Array, now: Instant): number | undefined {
    this.#now = now;
    this.#lastReceived ??= now;
    if (this.#closed !== undefined) return this.#pollClose(target, now);
    const filling: Filling = { units: [], parts: [], room: this.#packetSize - headerLength(0) };
    this.#addFeedback(filling, now);
    const isFree = this.#recovery.maySend(now);
    if (isFree) {
      this.#addControl(filling);
      this.#senders.scheduler.holdsEarly = this.#reports.isOverloaded;
      this.#senders.fill(filling, this.#outlook(now));
      this.#senders.settle();
    }
    const isProbe = filling.units.length === 0 && this.#owesProbe(now);
    if (filling.units.length === 0 && !isProbe) {
      if (isFree) this.#recovery.controller.onApplicationLimited();
      return undefined;
    }
    return this.#emit(target, filling, isProbe || filling.units.some(isAwaited), now);
  }

  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined {
    const now = this.#now;
    if (this.#closed !== undefined) return undefined;
    let next = earliest(this.#recovery.nextTimeout, this.#arrivals.due);
    next = earliest(next, this.#receivers.nextTimeout);
    next = earliest(next, this.#reports.due);
    if (this.#lastReceived !== undefined) next = earliest(next, after(this.#lastReceived, this.#idleTimeout));
    if (this.#isInUse && this.#lastSent !== undefined) next = earliest(next, after(this.#lastSent, KEEPALIVE_INTERVAL));
    if (this.#outbox.isEmpty && !this.#senders.isReady(this.#outlook(now))) {
      return earliest(next, this.#senders.scheduler.wakeAt);
    }
    return earliest(next, this.#recovery.nextSend(now));
  }

  /** Does what is due. */
  handleTimeout(now: Instant): void {
    this.#now = now;
    if (this.#closed !== undefined) return;
    if (this.#lastReceived !== undefined && after(this.#lastReceived, this.#idleTimeout) <= now) {
      this.#end(FLOW_CLOSE.IDLE.code, true);
      return;
    }
    this.#recovery.handleTimeout(now);
    this.#receivers.handleTimeout(now);
  }

  /** The next event; undefined if there is none. */
  pollEvent(): FlowEvent | undefined {
    return this.#events.shift();
  }

  // ---- Inside

  get #isInUse(): boolean {
    return this.#senders.size + this.#receivers.size > 0;
  }

  #parse(bytes: Uint8Array): FlowPacket | undefined {
    try {
      return parsePacket(bytes);
    } catch (error) {
      if (!(error instanceof FlowPacketError)) throw error;
      this.#drops.malformed += 1;
      return undefined;
    }
  }

  #handleUnit(unit: Unit, sentAt: Instant, now: Instant): void {
    switch (unit.type) {
      case "datagram":
        this.#receivers.onDatagram(unit, { due: dueAt(unit.part?.deadline ?? NO_DEADLINE, sentAt), now });
        return;
      case "stream":
        this.#receivers.onStream(unit, { due: dueAt(unit.deadline, sentAt), now });
        return;
      case "open":
        this.#receivers.onOpen(unit);
        return;
      case "close":
        this.#onClose(unit.flow, unit.code);
        return;
      case "pause":
      case "resume":
      case "grant":
        this.#onHold(unit, now);
        return;
      case "confirm":
        if (this.#senders.knows(unit.flow)) this.#events.push(unit);
        else this.#drops.strays += 1;
        return;
      case "ack":
        if (!this.#recovery.onAck(unit, now)) this.#drops.forged += 1;
        return;
      case "resource":
        this.#reports.onReport(unit);
        this.#events.push({ type: "resources", resources: unit });
        return;
      case "unknown":
        this.#drops.unknown += 1;
    }
  }

  #onClose(flow: number, code: number): void {
    if (flow === ALL_FLOWS) this.#end(code, false);
    else if (this.#senders.remove(flow)) this.#events.push({ type: "closed", flow, code });
    // A relay has acknowledged it all, and could not bring it farther.
    else if (code === FLOW_CLOSE.BROKEN.code && this.#senders.knows(flow))
      this.#events.push({ type: "closed", flow, code });
    else if (!this.#receivers.onClose(flow, code)) this.#drops.strays += 1;
  }

  #onHold(unit: Extract<Unit, { type: "pause" | "resume" | "grant" }>, now: Instant): void {
    // Only the receiver of a flow may hold it back.
    if (unit.flow !== ALL_FLOWS && unit.flow % 2 !== (this.#isServer ? 1 : 0)) {
      this.#owesClose = true;
      this.#end(FLOW_CLOSE.NOT_YOURS.code, true);
      return;
    }
    if (unit.type === "pause") {
      const until = unit.until === 0 ? FOREVER : this.#toOurs(unit.until, now);
      if (until === undefined || until <= now || !this.#senders.pause(unit.flow, until)) this.#drops.forged += 1;
      else this.#events.push({ type: "paused", flow: unit.flow, until });
    } else if (unit.type === "resume") {
      const { flow, rate } = unit;
      if (this.#senders.resume(flow, rate === 0 ? undefined : rate, now))
        this.#events.push({ type: "resumed", flow, rate });
      else this.#drops.forged += 1;
    } else {
      const { flow, bytes } = unit;
      const start = unit.start === 0 ? now : this.#toOurs(unit.start, now);
      const window = millis(unit.window);
      if (start === undefined || !this.#senders.grant(flow, bytes, start, window)) this.#drops.forged += 1;
      else this.#events.push({ type: "granted", flow, bytes, start, window });
    }
  }

  /** Undefined for a time that is too far away to be meant. */
  #toOurs(timestamp: number, now: Instant): Instant | undefined {
    const at = this.#clock.toOurs(timestamp, this.#recovery.minRtt, now);
    return Math.abs(at - now) > MAX_AHEAD ? undefined : at;
  }

  #outlook(now: Instant): Outlook {
    const { rtt } = this.#recovery;
    return { now, perByte: this.#reports.perByte, oneWay: micros(rtt.smoothed / 2) };
  }

  #addFeedback(filling: Filling, now: Instant): void {
    const report = this.#reports.take(now);
    if (report !== undefined) add(filling, report);
    const { due } = this.#arrivals;
    // One that is not due yet goes along with what leaves anyway.
    const isDue = due !== undefined && due <= now;
    const leaves = filling.units.length > 0 || (this.#recovery.maySend(now) && this.#hasSomething(now));
    const ack = isDue || leaves ? this.#arrivals.take(now) : undefined;
    if (ack !== undefined) add(filling, ack);
  }

  #hasSomething(now: Instant): boolean {
    return !this.#outbox.isEmpty || this.#senders.isReady(this.#outlook(now));
  }

  #addControl(filling: Filling): void {
    for (let next = this.#outbox.take(filling.room); next !== undefined; next = this.#outbox.take(filling.room)) {
      add(filling, next.unit);
      filling.parts.push(next);
    }
  }

  #owesProbe(now: Instant): boolean {
    if (this.#wantsProbe && this.#recovery.outstanding === 0) return true;
    if (this.#recovery.outstanding === 0) {
      // A server measures the round trip before it has something to say: deadlines are judged by it.
      const isUnmeasured = this.#isServer && !this.#recovery.rtt.hasSample;
      if (this.#recovery.silence > 0 || isUnmeasured) return this.#isInUse;
    }
    return this.#isInUse && this.#lastSent !== undefined && after(this.#lastSent, KEEPALIVE_INTERVAL) <= now;
  }

  #emit(target: Uint8Array, { units, parts }: Filling, isAwaited: boolean, now: Instant): number {
    const sequence = this.#recovery.next % 0x1_0000_0000;
    const flags = isAwaited ? PacketFlag.ackRequested : 0;
    const head = { flags, sequence, timestamp: timestampOf(now), path: this.#path };
    const length = emitPacket(target, head, units, { hasChecksums: this.#hasChecksums });
    if (isAwaited) this.#wantsProbe = false;
    this.#recovery.onSent(length, parts, isAwaited, now);
    this.#lastSent = now;
    return length;
  }

  #pollClose(target: Uint8Array, now: Instant): number | undefined {
    if (!this.#owesClose) return undefined;
    this.#owesClose = false;
    const filling = {
      units: [{ type: "close", flow: ALL_FLOWS, code: this.#closed!.code } as const],
      parts: [],
      room: 0,
    };
    return this.#emit(target, filling, false, now);
  }

  #end(code: number, isOurs: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = { code, isOurs };
    this.#recovery.clear();
    this.#events.push({ type: "session-closed", code, isOurs });
  }

  #checkOpen(): void {
    if (this.#closed !== undefined)
      throw new FlowError("SESSION_CLOSED", `the session is over, with code ${this.#closed.code}`);
  }
}

const FOREVER = Number.POSITIVE_INFINITY as Instant;

/** Feedback alone is not awaited: it would be answered for ever. */
const isAwaited = ({ type }: Unit): boolean => type !== "ack" && type !== "resource";

const dueAt = (deadline: number, sentAt: Instant): Instant | undefined =>
  deadline === NO_DEADLINE ? undefined : after(sentAt, millis(deadline));

function add(filling: Filling, unit: Unit): void {
  filling.units.push(unit);
  filling.room -= unitLength(unit);
}
