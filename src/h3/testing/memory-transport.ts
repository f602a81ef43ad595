/**
 * Two `StreamTransport`s joined in memory, for tests of what lies above QUIC: with stream limits, write windows, and a
 * network that cuts and reorders as QUIC may, which is between streams but never inside one.
 */

import type { Rng } from "../../base/rng.ts";
import type { SendPriority, SendSession, SendSource } from "../../quic/index.ts";
import { SchedulerTree } from "../../quic/streams/scheduler/index.ts";
import type { StreamChunk, StreamDirection, StreamId, StreamTransport, TransportEvent } from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";

export interface MemoryOptions {
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /** How many unread bytes a stream holds before `write` says that they are enough. */
  readonly window?: number;
  /** The most bytes that `read` gives at once. */
  readonly maxRead?: number;
  /** Delivers streams in a random order and in random pieces. */
  readonly rng?: Rng;
}

type Delivery =
  | { type: "open" }
  | { type: "bytes"; bytes: Uint8Array; fin: boolean }
  | { type: "reset"; code: VarInt }
  | { type: "stop"; code: VarInt };

interface StreamState {
  /** What the other side sent and has not been delivered. */
  readonly incoming: Delivery[];
  readonly readable: Uint8Array[];
  finReceived: boolean;
  finRead: boolean;
  readDropped: boolean;
  writeClosed: boolean;
  stopped: boolean;
  blocked: boolean;
  announced: boolean;
  reset: boolean;
}

const newStream = (): StreamState => ({
  incoming: [],
  readable: [],
  finReceived: false,
  finRead: false,
  readDropped: false,
  writeClosed: false,
  stopped: false,
  blocked: false,
  announced: false,
  reset: false,
});

export class MemoryTransport implements StreamTransport {
  readonly role: "client" | "server";
  readonly events: TransportEvent[] = [];
  readonly streams = new Map<StreamId, StreamState>();
  readonly #options: MemoryOptions;
  /** Streams on which something is on its way to this side. */
  readonly #expecting = new Set<StreamId>();
  peer!: MemoryTransport;
  closed: { readonly code: VarInt; readonly phrase: string } | undefined;
  /** Every call that sent something: for tests of how much goes into one write. */
  readonly writes: { readonly id: StreamId; readonly bytes: Uint8Array; readonly fin: boolean }[] = [];
  readonly priorities = new Map<StreamId, SendPriority>();
  readonly resets = new Map<StreamId, VarInt>();
  readonly stops = new Map<StreamId, VarInt>();
  #opened = { bidi: 0, uni: 0 };
  #refused = { bidi: false, uni: false };

  constructor(role: "client" | "server", options: MemoryOptions) {
    this.role = role;
    this.#options = options;
  }

  limit(direction: StreamDirection): number {
    return (direction === "bidi" ? this.#options.maxBidiStreams : this.#options.maxUniStreams) ?? 100;
  }

  #credit = { bidi: 0, uni: 0 };

  /** Allows this side more streams, as MAX_STREAMS does. */
  grantStreams(direction: StreamDirection, count: number): void {
    this.#credit[direction] += count;
    if (this.#refused[direction]) this.events.push({ type: "streams-available", direction });
    this.#refused[direction] = false;
  }

  openStream(direction: StreamDirection, wanted?: StreamId): StreamId | undefined {
    const type = (this.role === "server" ? 1 : 0) + (direction === "uni" ? 2 : 0);
    const index = wanted === undefined ? this.#opened[direction] : (wanted - type) / 4;
    if (index >= this.limit(direction) + this.#credit[direction]) {
      this.#refused[direction] = true;
      return undefined;
    }
    for (let next = this.#opened[direction]; next <= index; next += 1) {
      const id = next * 4 + type;
      this.streams.set(id, newStream());
      this.peer.streams.set(id, newStream());
      this.peer.expect(id, { type: "open" });
    }
    this.#opened[direction] = index + 1;
    return index * 4 + type;
  }

  setPriority(id: StreamId, priority: SendPriority): void {
    this.priorities.set(id, priority);
  }

  openSession(urgency?: number): SendSession {
    return new SchedulerTree().openSession(urgency);
  }

  /** Puts something on its way to this side. */
  expect(id: StreamId, delivery: Delivery): void {
    this.streams.get(id)!.incoming.push(delivery);
    this.#expecting.add(id);
  }

  writableBytes(id: StreamId): number {
    const stream = this.streams.get(id);
    const theirs = this.peer.streams.get(id);
    if (stream === undefined || theirs === undefined || stream.writeClosed) return Number.POSITIVE_INFINITY;
    let held = 0;
    for (const delivery of theirs.incoming) if (delivery.type === "bytes") held += delivery.bytes.length;
    for (const bytes of theirs.readable) held += bytes.length;
    const room = Math.max(0, (this.#options.window ?? 65_536) - held);
    if (room === 0) stream.blocked = true;
    return room;
  }

  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`no stream ${id}`);
    if (stream.writeClosed || (data.length === 0 && !fin)) return true;
    const bytes = (data instanceof Uint8Array ? data : data.bytes).slice();
    this.writes.push({ id, bytes, fin });
    this.peer.expect(id, { type: "bytes", bytes, fin });
    if (fin) stream.writeClosed = true;
    return this.writableBytes(id) > 0;
  }

  read(id: StreamId, max = Number.POSITIVE_INFINITY): StreamChunk | undefined {
    const stream = this.streams.get(id);
    if (stream === undefined || stream.readDropped || stream.finRead) return undefined;
    const first = stream.readable[0];
    if (first === undefined) {
      if (!stream.finReceived) {
        stream.announced = false;
        return undefined;
      }
      stream.finRead = true;
      return { bytes: new Uint8Array(0), fin: true };
    }
    const count = Math.min(first.length, max, this.#options.maxRead ?? Number.POSITIVE_INFINITY);
    if (count === first.length) stream.readable.shift();
    else stream.readable[0] = first.subarray(count);
    const fin = stream.finReceived && stream.readable.length === 0;
    stream.finRead = fin;
    if (stream.readable.length === 0) stream.announced = false;
    this.peer.noteCredit(id);
    return { bytes: first.subarray(0, count), fin };
  }

  /** The other side has read: what was blocked may go on. */
  noteCredit(id: StreamId): void {
    const stream = this.streams.get(id);
    if (!stream?.blocked || this.writableBytes(id) === 0) return;
    stream.blocked = false;
    this.events.push({ type: "stream-writable", id });
  }

  reset(id: StreamId, code: VarInt): void {
    const stream = this.streams.get(id);
    if (stream === undefined || (stream.writeClosed && !stream.stopped)) return;
    this.resets.set(id, code);
    // A stopped one was reset already.
    if (!stream.stopped) this.peer.expect(id, { type: "reset", code });
    stream.stopped = false;
    stream.writeClosed = true;
  }

  stopSending(id: StreamId, code: VarInt): void {
    const stream = this.streams.get(id);
    if (stream === undefined || stream.readDropped || stream.finRead || stream.reset) return;
    stream.readDropped = true;
    stream.readable.length = 0;
    this.stops.set(id, code);
    this.peer.expect(id, { type: "stop", code });
  }

  close(code: VarInt, phrase: string): void {
    if (this.closed !== undefined) return;
    this.closed = { code, phrase };
    this.peer.events.push({ type: "closed", reason: { type: "peer", layer: "application", code, phrase } });
  }

  /** Delivers one piece of what is on its way to this side; false when there is nothing. */
  deliverOne(): boolean {
    const rng = this.#options.rng;
    if (this.#expecting.size === 0) return false;
    const expecting = this.#expecting.values();
    if (rng !== undefined) for (let skip = rng.uint32() % this.#expecting.size; skip > 0; skip -= 1) expecting.next();
    const id: StreamId = expecting.next().value!;
    const stream = this.streams.get(id)!;
    const delivery = stream.incoming[0]!;
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
      case "open":
        this.events.push({ type: "stream-opened", id });
        return;
      case "bytes":
        if (delivery.fin) this.peer.events.push({ type: "stream-finished", id });
        if (stream.readDropped || stream.reset) {
          this.peer.noteCredit(id);
          return;
        }
        if (delivery.bytes.length > 0) stream.readable.push(delivery.bytes);
        stream.finReceived ||= delivery.fin;
        if (!stream.announced) this.events.push({ type: "stream-readable", id });
        stream.announced = true;
        return;
      case "reset":
        stream.reset = true;
        stream.readable.length = 0;
        if (!stream.readDropped) this.events.push({ type: "stream-reset", id, code: delivery.code });
        return;
      case "stop":
        stream.blocked = false;
        if (stream.writeClosed) return;
        stream.writeClosed = true;
        stream.stopped = true;
        this.peer.expect(id, { type: "reset", code: delivery.code });
        this.events.push({ type: "stream-stopped", id, code: delivery.code });
    }
  }
}

export interface MemoryPair {
  readonly client: MemoryTransport;
  readonly server: MemoryTransport;
}

/** A connected pair; both sides' first event is "connected". */
export function memoryPair(options: MemoryOptions = {}): MemoryPair {
  const client = new MemoryTransport("client", options);
  const server = new MemoryTransport("server", options);
  client.peer = server;
  server.peer = client;
  client.events.push({ type: "connected", alpn: "h3" });
  server.events.push({ type: "connected", alpn: "h3" });
  return { client, server };
}
