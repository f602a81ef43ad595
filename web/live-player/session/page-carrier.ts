/** Carries a session of live media over the W3C's `WebTransport` of a page, whose streams are promises: the machine's calls wait in line. */

import type { Instant } from "../../../src/base/time.ts";
import { pageClock } from "../../../src/client/webtransport/browser/clock.ts";
import type { WebTransport } from "../../../src/client/webtransport/browser/index.ts";
import type { CarriedSession, CarryOptions, LiveCarrier } from "../../../src/host/live/carried-session.ts";
import { MachineTimer } from "../../../src/host/machine-timer.ts";

type Direction = "uni" | "bidi";

/** Bytes that may wait in a stream before it has no room. */
const ROOM = 256 * 1024;
/** Streams are numbered as QUIC numbers them: those of our side, those of the peer. */
const FIRST_ID = { own: { bidi: 0, uni: 2 }, peer: { bidi: 1, uni: 3 } } as const;
const NEXT_ID = 4;
const NOTHING = new Uint8Array(0);

/** What a page's stream says when it was reset or stopped. */
const codeOf = (error: unknown): number =>
  (error as { readonly streamErrorCode?: number | null } | undefined)?.streamErrorCode ?? 0;

/** Our side of a stream: what the machine wrote, and how it ends. */
class Outgoing {
  readonly #opened: Promise<WritableStreamDefaultWriter<Uint8Array>>;
  readonly #onRoom: () => void;
  readonly #onStopped: (code: number) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isOver = false;

  constructor(opened: Promise<WritableStream<Uint8Array>>, onRoom: () => void, onStopped: (code: number) => void) {
    this.#opened = opened.then((stream) => stream.getWriter());
    this.#onRoom = onRoom;
    this.#onStopped = onStopped;
    this.#opened.catch(() => {});
  }

  get hasRoom(): boolean {
    return this.#waiting < ROOM;
  }

  write(bytes: Uint8Array, fin: boolean): void {
    if (this.#isOver) return;
    this.#waiting += bytes.length;
    this.#enqueue(async (writer) => {
      if (bytes.length > 0) await writer.write(bytes);
      const wasFull = !this.hasRoom;
      this.#waiting -= bytes.length;
      if (fin) await writer.close();
      else if (wasFull && this.hasRoom) this.#onRoom();
    });
    if (fin) this.#isOver = true;
  }

  reset(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#opened.then((writer) => writer.abort(streamError(code))).catch(() => {});
  }

  #enqueue(act: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>): void {
    this.#last = this.#last
      .then(async () => act(await this.#opened))
      .catch((error) => {
        if (this.#isOver) return;
        this.#isOver = true;
        this.#onStopped(codeOf(error));
      });
  }
}

/** What a stream is abandoned with, as this browser spells it. */
function streamError(code: number): Error {
  const Native = (globalThis as { WebTransportError?: new (...args: unknown[]) => Error }).WebTransportError;
  if (Native === undefined) return Object.assign(new Error("cancelled"), { source: "stream", streamErrorCode: code });
  return new Native("cancelled", { source: "stream", streamErrorCode: code });
}

/** How a session is carried, and who hears of our defects. */
export interface PageCarryOptions extends CarryOptions {
  readonly onFault: (error: unknown) => void;
}

/** Lets a machine use a session that is ready. */
export class PageCarrier implements LiveCarrier {
  readonly #transport: WebTransport;
  readonly #options: PageCarryOptions;
  readonly #machine: CarriedSession;
  readonly #timer: MachineTimer;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #readers = new Map<number, ReadableStreamDefaultReader<Uint8Array>>();
  readonly #nextId = { own: { ...FIRST_ID.own }, peer: { ...FIRST_ID.peer } } as {
    own: Record<Direction, number>;
    peer: Record<Direction, number>;
  };
  #datagrams: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #isOver = false;

  constructor(transport: WebTransport, options: PageCarryOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#timer = new MachineTimer(
      ({ error }) => this.#fail(error),
      (now) => this.#act(() => this.#machine.handleTimeout(now)),
      pageClock,
    );
    this.#machine = options.create(this);
  }

  start(): void {
    const { closed, incomingUnidirectionalStreams, incomingBidirectionalStreams, datagrams } = this.#transport;
    closed.then(
      ({ closeCode, reason }) => this.#end(closeCode, reason, undefined),
      (error) => this.#end(0, String(error?.message ?? error), error),
    );
    this.#act((now) => this.#machine.start(now));
    void this.#accept(incomingUnidirectionalStreams as ReadableStream<unknown>, "uni");
    void this.#accept(incomingBidirectionalStreams as ReadableStream<unknown>, "bidi");
    // Safari ends a session whose datagrams are read (WebKit, 2026).
    if (!isSafari()) void this.#readDatagrams(datagrams.readable as ReadableStream<Uint8Array>);
  }

  // ── The machine's commands ──────────────────────────────────────────────────────────────────────────────────────

  openStream(direction: Direction): number | undefined {
    if (this.#isOver) return undefined;
    const id = this.#number("own", direction);
    if (direction === "uni") {
      this.#write(id, this.#transport.createUnidirectionalStream() as unknown as Promise<WritableStream<Uint8Array>>);
      return id;
    }
    const both = this.#transport.createBidirectionalStream();
    this.#write(
      id,
      both.then(({ writable }) => writable as unknown as WritableStream<Uint8Array>),
    );
    both.then(
      ({ readable }) => this.#read(id, "bidi", readable as unknown as ReadableStream<Uint8Array>),
      () => {},
    );
    return id;
  }

  write(stream: number, bytes: Uint8Array, fin: boolean): boolean {
    this.#outgoing.get(stream)?.write(bytes, fin);
    const hasRoom = this.hasRoom(stream);
    if (fin) this.#outgoing.delete(stream);
    return hasRoom;
  }

  /** A player sends nothing whose order matters. */
  setOrder(): void {}

  hasRoom(stream: number): boolean {
    return this.#outgoing.get(stream)?.hasRoom ?? true;
  }

  reset(stream: number, code: number): void {
    this.#outgoing.get(stream)?.reset(code);
    this.#outgoing.delete(stream);
  }

  stopSending(stream: number, code: number): void {
    this.#readers
      .get(stream)
      ?.cancel(streamError(code))
      .catch(() => {});
    this.#readers.delete(stream);
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#datagrams ??= (this.#transport.datagrams.writable as unknown as WritableStream<Uint8Array>).getWriter();
    this.#datagrams.write(bytes).catch(() => {});
  }

  close(code: number, reason: string): void {
    this.#transport.close({ closeCode: code, reason });
  }

  // ── What comes ──────────────────────────────────────────────────────────────────────────────────────────────────

  #number(side: "own" | "peer", direction: Direction): number {
    const id = this.#nextId[side][direction];
    this.#nextId[side][direction] += NEXT_ID;
    return id;
  }

  #write(id: number, opened: Promise<WritableStream<Uint8Array>>): void {
    const onRoom = (): void => this.#act((now) => this.#machine.handleWritable(id, now));
    const onStopped = (code: number): void => {
      this.#outgoing.delete(id);
      this.#act((now) => this.#machine.handleStopped(id, code, now));
    };
    this.#outgoing.set(id, new Outgoing(opened, onRoom, onStopped));
  }

  async #accept(streams: ReadableStream<unknown>, direction: Direction): Promise<void> {
    const reader = streams.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const id = this.#number("peer", direction);
        const pair = value as { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> };
        if (direction === "bidi") this.#write(id, Promise.resolve(pair.writable));
        this.#act(() => this.#machine.handleStream(id, direction));
        void this.#read(id, direction, direction === "bidi" ? pair.readable : (value as ReadableStream<Uint8Array>));
      }
    } catch {
      // `closed` tells why.
    }
  }

  async #read(id: number, direction: Direction, stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    this.#readers.set(id, reader);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (!this.#readers.has(id)) return;
        this.#act((now) => this.#machine.handleData(id, direction, value ?? NOTHING, done, now));
        if (done) break;
      }
    } catch (error) {
      if (this.#readers.has(id)) this.#act((now) => this.#machine.handleReset(id, codeOf(error), now));
    } finally {
      this.#readers.delete(id);
    }
  }

  async #readDatagrams(datagrams: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const reader = datagrams.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.#act((now) => this.#machine.handleDatagram(value, now));
      }
    } catch {
      // `closed` tells why.
    }
  }

  #act(run: (now: Instant) => void): void {
    if (this.#isOver) return;
    try {
      run(pageClock.now());
      if (!this.#isOver) this.#timer.set(this.#machine.nextTimeout());
    } catch (error) {
      this.#fail(error);
    }
    this.#options.onActivity();
  }

  /** A defect of ours ends this session, not the page. */
  #fail(error: unknown): void {
    this.#options.onFault(error);
    this.close(0, "internal error");
    this.#end(0, "internal error", error as Error);
  }

  #end(code: number, reason: string, error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.set(undefined);
    this.#machine.handleClosed(code, reason, pageClock.now());
    this.#options.onActivity();
    this.#options.onOver(error);
  }
}

/** Safari, and every browser of iOS. */
function isSafari(): boolean {
  const { userAgent } = navigator;
  return /AppleWebKit/.test(userAgent) && !/Chrom(e|ium)/.test(userAgent);
}
