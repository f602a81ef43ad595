/**
 * Two `StreamTransport`s connected in memory, for tests of protocols above QUIC, with stream limits and write windows.
 * Like QUIC, the simulated network splits data and reorders it between streams, but never within one. The cases of
 * `quic/testing/transport-cases.ts` check that it behaves like a connection.
 */

import type { Rng } from "../../base/rng.ts";
import type { SendPriority, SendSession, SendSource } from "../../quic/index.ts";
import { SchedulerTree } from "../../quic/scheduler/index.ts";
import {
  isServerInitiated,
  isUnidirectional,
  type StreamChunk,
  type StreamDirection,
  type StreamId,
  type StreamTransport,
  type TransportEvent,
} from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";

export interface MemoryOptions {
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /** The number of unread bytes of a stream above which `write` returns false. */
  readonly window?: number;
  /** The maximum number of bytes that `read` returns at once. */
  readonly maxRead?: number;
  /** Delivers streams in a random order and in random pieces. */
  readonly rng?: Rng;
}

type Delivery =
  | { type: "bytes"; bytes: Uint8Array; fin: boolean }
  | { type: "reset"; code: VarInt }
  | { type: "stop"; code: VarInt };

/** One side's view of a stream. */
interface StreamState {
  /** Sent by the other side but not delivered yet. */
  readonly incoming: Delivery[];
  readonly readable: Uint8Array[];
  /** True once this side knows the stream. */
  isOpen: boolean;
  /** True once the end or a reset was delivered. */
  isSizeKnown: boolean;
  /** "done" once the end was read or a reset was reported. */
  reading: "open" | "stopped" | "done";
  sending: "open" | "ended" | "reset";
  /** True once the other side has received the end or the reset. */
  isDelivered: boolean;
  /** True once the application has written the end or reset the stream. */
  isEndedByApplication: boolean;
  isBlocked: boolean;
  isAnnounced: boolean;
}

const newStream = (isOpen: boolean): StreamState => ({
  incoming: [],
  readable: [],
  isOpen,
  isSizeKnown: false,
  reading: "open",
  sending: "open",
  isDelivered: false,
  isEndedByApplication: false,
  isBlocked: false,
  isAnnounced: false,
});

const directionOf = (id: StreamId): StreamDirection => (isUnidirectional(id) ? "uni" : "bidi");

export class MemoryTransport implements StreamTransport {
  readonly role: "client" | "server";
  readonly events: TransportEvent[] = [];
  readonly streams = new Map<StreamId, StreamState>();
  readonly #options: MemoryOptions;
  /** Streams with data in transit to this side. */
  readonly #expecting = new Set<StreamId>();
  peer!: MemoryTransport;
  closed: { readonly code: VarInt; readonly phrase: string } | undefined;
  /** Every call that sent something, for tests of write sizes. */
  readonly writes: { readonly id: StreamId; readonly bytes: Uint8Array; readonly fin: boolean }[] = [];
  readonly priorities = new Map<StreamId, SendPriority>();
  readonly resets = new Map<StreamId, VarInt>();
  readonly stops = new Map<StreamId, VarInt>();
  /** The other side's streams for which new stream credit was granted. */
  readonly #retired = new Set<StreamId>();
  #isClosed = false;
  /** The same as a connection's budget, but never refilled. */
  #workLeft = 320_000;
  #excessiveLoadCode: VarInt = 0;
  #opened = { bidi: 0, uni: 0 };
  #refused = { bidi: false, uni: false };
  /** The lowest ids that the other side has not opened here. */
  readonly #unopened: { bidi: StreamId; uni: StreamId };
  #credit: { bidi: number; uni: number };

  constructor(role: "client" | "server", options: MemoryOptions) {
    this.role = role;
    this.#options = options;
    const first = role === "server" ? 0 : 1;
    this.#unopened = { bidi: first, uni: first + 2 };
    this.#credit = { bidi: options.maxBidiStreams ?? 100, uni: options.maxUniStreams ?? 100 };
  }

  /** Allows this side to open more streams, like MAX_STREAMS. */
  grantStreams(direction: StreamDirection, count: number): void {
    this.#credit[direction] += count;
    if (this.#refused[direction]) this.events.push({ type: "streams-available", direction });
    this.#refused[direction] = false;
  }

  openStream(direction: StreamDirection, wanted?: StreamId): StreamId | undefined {
    if (this.#isClosed) return undefined;
    const type = (this.role === "server" ? 1 : 0) + (direction === "uni" ? 2 : 0);
    const first = this.#opened[direction];
    const index = wanted === undefined ? first : (wanted - type) / 4;
    if (!Number.isInteger(index) || index < first) throw new RangeError(`stream ${wanted} cannot be opened here`);
    if (index >= this.#credit[direction]) {
      this.#refused[direction] = true;
      return undefined;
    }
    for (let next = first; next <= index; next += 1) {
      this.streams.set(next * 4 + type, newStream(true));
      this.peer.streams.set(next * 4 + type, newStream(false));
    }
    this.#opened[direction] = index + 1;
    return index * 4 + type;
  }

  setPriority(id: StreamId, priority: SendPriority): void {
    this.priorities.set(id, priority);
  }

  peerStreamLimit(direction: StreamDirection): number {
    return this.peer.#credit[direction];
  }

  openSession(urgency?: number): SendSession {
    return new SchedulerTree().openSession(urgency);
  }

  writableBytes(id: StreamId): number {
    if (this.#isClosed) return Number.MAX_SAFE_INTEGER;
    const stream = this.#find(id, "send");
    if (stream.sending !== "open") return Number.MAX_SAFE_INTEGER;
    const room = this.#room(id);
    if (room === 0) stream.isBlocked = true;
    return room;
  }

  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean {
    if (this.#isClosed) return true;
    const stream = this.#find(id, "send");
    if (fin) stream.isEndedByApplication = true;
    if (stream.sending === "open" && (data.length > 0 || fin)) {
      const bytes = (data instanceof Uint8Array ? data : data.bytes).slice();
      if (fin) stream.sending = "ended";
      this.writes.push({ id, bytes, fin });
      this.#send(id, { type: "bytes", bytes, fin });
    }
    this.#retire(id, stream);
    return this.writableBytes(id) > 0;
  }

  read(id: StreamId, max = Number.POSITIVE_INFINITY): StreamChunk | undefined {
    const stream = this.#find(id, "receive");
    if (stream.reading !== "open" || (this.#isClosed && !stream.isSizeKnown)) return undefined;
    const first = stream.readable[0];
    const count = Math.min(first?.length ?? 0, max, this.#options.maxRead ?? Number.POSITIVE_INFINITY);
    if (first !== undefined && count < first.length) stream.readable[0] = first.subarray(count);
    else stream.readable.shift();
    const isDrained = stream.readable.length === 0;
    if (isDrained) stream.isAnnounced = false;
    const fin = stream.isSizeKnown && isDrained;
    if (first === undefined && !fin) return undefined;
    if (fin) stream.reading = "done";
    this.peer.#noteRoom(id);
    this.#retire(id, stream);
    return { bytes: first?.subarray(0, count) ?? new Uint8Array(0), fin };
  }

  reset(id: StreamId, code: VarInt): void {
    if (this.#isClosed) return;
    const stream = this.#find(id, "send");
    const isLate = stream.sending === "ended" && stream.isDelivered;
    if (!isLate && !(stream.sending === "reset" && stream.isEndedByApplication)) this.resets.set(id, code);
    if (stream.sending !== "reset" && !isLate) this.#abandon(id, stream, code);
    this.#endSending(id, stream);
  }

  stopSending(id: StreamId, code: VarInt): void {
    if (this.#isClosed) return;
    const stream = this.#find(id, "receive");
    if (stream.reading !== "open") return;
    stream.reading = "stopped";
    stream.readable.length = 0;
    this.stops.set(id, code);
    // If everything was sent, there is nothing to stop.
    if (!stream.isSizeKnown) this.#send(id, { type: "stop", code });
    this.#retire(id, stream);
  }

  /** Flow control of sessions is tested with real connections. */
  watchDropped(): void {}

  setExcessiveLoadCode(code: VarInt): void {
    this.#excessiveLoadCode = code;
  }

  countWork(work: number): void {
    this.#workLeft -= work;
    if (this.#workLeft < 0) this.close(this.#excessiveLoadCode, "too much work");
  }

  close(code: VarInt, phrase: string): void {
    if (this.#isClosed) return;
    this.closed = { code, phrase };
    for (const [side, type] of [
      [this, "local"],
      [this.peer, "peer"],
    ] as const) {
      side.#isClosed = true;
      side.#expecting.clear();
      side.events.push({ type: "closed", reason: { type, layer: "application", code, phrase } });
    }
  }

  /** Delivers one piece of the data in transit to this side. Returns false if there is none. */
  deliverOne(): boolean {
    const rng = this.#options.rng;
    if (this.#expecting.size === 0) return false;
    const expecting = this.#expecting.values();
    if (rng !== undefined) for (let skip = rng.uint32() % this.#expecting.size; skip > 0; skip -= 1) expecting.next();
    const id: StreamId = expecting.next().value!;
    const stream = this.streams.get(id)!;
    const delivery = stream.incoming[0]!;
    this.#open(id);
    if (delivery.type === "bytes" && rng !== undefined && delivery.bytes.length > 1 && rng.uint32() % 2 === 0) {
      const cut = 1 + (rng.uint32() % (delivery.bytes.length - 1));
      stream.incoming[0] = { ...delivery, bytes: delivery.bytes.subarray(cut) };
      this.#deliver(id, stream, { type: "bytes", bytes: delivery.bytes.subarray(0, cut), fin: false });
    } else {
      stream.incoming.shift();
      if (stream.incoming.length === 0) this.#expecting.delete(id);
      this.#deliver(id, stream, delivery);
    }
    return true;
  }

  #deliver(id: StreamId, stream: StreamState, delivery: Delivery): void {
    switch (delivery.type) {
      case "bytes":
        if (delivery.fin) {
          stream.isSizeKnown = true;
          this.peer.events.push({ type: "stream-finished", id });
          this.peer.#noteDelivered(id);
        }
        if (stream.reading !== "open") {
          this.#retire(id, stream);
          return;
        }
        if (delivery.bytes.length > 0) stream.readable.push(delivery.bytes);
        if (!stream.isAnnounced) this.events.push({ type: "stream-readable", id });
        stream.isAnnounced = true;
        return;
      case "reset":
        this.peer.#noteDelivered(id);
        stream.isSizeKnown = true;
        if (stream.reading === "open") {
          stream.reading = "done";
          stream.readable.length = 0;
          this.events.push({ type: "stream-reset", id, code: delivery.code });
        }
        this.#retire(id, stream);
        return;
      case "stop":
        if (stream.sending === "reset" || stream.isDelivered) return;
        this.#abandon(id, stream, delivery.code);
        this.events.push({ type: "stream-stopped", id, code: delivery.code });
    }
  }

  /** RFC 9000 §3.2: the first frame of a stream opens it and all lower-numbered streams of its type. */
  #open(id: StreamId): void {
    if (this.#isLocal(id)) return;
    const direction = directionOf(id);
    for (; this.#unopened[direction] <= id; this.#unopened[direction] += 4) {
      this.streams.get(this.#unopened[direction])!.isOpen = true;
      this.events.push({ type: "stream-opened", id: this.#unopened[direction] });
    }
  }

  #find(id: StreamId, part: "send" | "receive"): StreamState {
    if (isUnidirectional(id) && this.#isLocal(id) !== (part === "send")) {
      throw new RangeError(`stream ${id} can only be ${part === "send" ? "read" : "written"}`);
    }
    const stream = this.streams.get(id);
    if (!stream?.isOpen) throw new RangeError(`stream ${id} has not been opened`);
    return stream;
  }

  #isLocal(id: StreamId): boolean {
    return isServerInitiated(id) === (this.role === "server");
  }

  /** Queues a delivery to the other side. */
  #send(id: StreamId, delivery: Delivery): void {
    this.peer.streams.get(id)!.incoming.push(delivery);
    this.peer.#expecting.add(id);
  }

  /** Resets the stream. Data in transit may still arrive, but not the end. */
  #abandon(id: StreamId, stream: StreamState, code: VarInt): void {
    const theirs = this.peer.streams.get(id)!;
    for (const [index, each] of theirs.incoming.entries()) {
      if (each.type === "bytes" && each.fin) theirs.incoming[index] = { ...each, fin: false };
    }
    stream.sending = "reset";
    stream.isBlocked = false;
    this.#send(id, { type: "reset", code });
  }

  #room(id: StreamId): number {
    const theirs = this.peer.streams.get(id)!;
    let held = 0;
    for (const delivery of theirs.incoming) if (delivery.type === "bytes") held += delivery.bytes.length;
    for (const bytes of theirs.readable) held += bytes.length;
    return Math.max(0, (this.#options.window ?? 65_536) - held);
  }

  /** Call after the other side has read: a blocked stream may continue. */
  #noteRoom(id: StreamId): void {
    const stream = this.streams.get(id)!;
    if (!stream.isBlocked || this.#room(id) === 0) return;
    stream.isBlocked = false;
    this.events.push({ type: "stream-writable", id });
  }

  #noteDelivered(id: StreamId): void {
    const stream = this.streams.get(id)!;
    stream.isDelivered = true;
    this.#retire(id, stream);
  }

  #endSending(id: StreamId, stream: StreamState): void {
    stream.isEndedByApplication = true;
    this.#retire(id, stream);
  }

  /** Grants the other side credit for a new stream once one of its streams has ended here. */
  #retire(id: StreamId, stream: StreamState): void {
    if (this.#isLocal(id) || this.#retired.has(id)) return;
    const isRead = stream.reading === "done" || (stream.reading === "stopped" && stream.isSizeKnown);
    const isSent = isUnidirectional(id) || (stream.isDelivered && stream.isEndedByApplication);
    if (!isRead || !isSent) return;
    this.#retired.add(id);
    this.peer.grantStreams(directionOf(id), 1);
  }
}

export interface MemoryPair {
  readonly client: MemoryTransport;
  readonly server: MemoryTransport;
}

/** A connected pair. The first event of both sides is "connected". */
export function memoryPair(options: MemoryOptions = {}): MemoryPair {
  const client = new MemoryTransport("client", options);
  const server = new MemoryTransport("server", options);
  client.peer = server;
  server.peer = client;
  client.events.push({ type: "connected", alpn: "h3" });
  server.events.push({ type: "connected", alpn: "h3" });
  return { client, server };
}
