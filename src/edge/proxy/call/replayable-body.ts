/**
 * The content of a request that an origin may hand back: what comes back is kept on disk, and the next attempt sends it again, followed by what
 * the client is still sending (draft-frindell-httpbis-partial-post-replay-00 §3.2).
 */

import { Spool, type SpoolOptions } from "../../../host/files/spool.ts";
import { continueIfExpected, type ServerExchange } from "../../../host/http/exchange.ts";
import { type FieldSection, HandbackCount } from "../../../http/index.ts";
import type { OutgoingContent } from "./request-body.ts";

/** Content that came back: a part of what the next attempt sends. */
interface Segment {
  readonly spool: Spool;
  /** Where the part begins in the spool, and its length. */
  readonly start: number;
  readonly length: number;
}

/** Bytes from the client that were read and not sent yet, or why there are none. */
type Ahead = Uint8Array | "open" | "ended" | Error;

export class ReplayableBody implements OutgoingContent {
  /** Called for each chunk that an attempt sends. */
  onProgress: (() => void) | undefined;
  readonly #exchange: ServerExchange;
  readonly #limit: number;
  readonly #options: SpoolOptions;
  #segments: readonly Segment[] = [];
  /** What the client sent after the segments, for another attempt; undefined once it is too much. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  /** Bytes from the client that no attempt has sent. */
  #ahead: Uint8Array | undefined;
  #isBegun = false;
  #current: ReplayableContent | undefined;
  readonly #spools = new Set<Spool>();

  /** Keeps at most `limit` bytes that did not come back. */
  constructor(exchange: ServerExchange, limit: number, options: SpoolOptions) {
    this.#exchange = exchange;
    this.#limit = limit;
    this.#options = options;
  }

  get isRepeatable(): boolean {
    return this.#kept !== undefined;
  }
  get isWaiting(): boolean {
    return this.#current?.isWaiting === true;
  }
  get trailers(): FieldSection {
    return this.#exchange.body.trailers;
  }

  /** Starts from the beginning. The previous attempt reads no further. */
  open(): ReplayableContent {
    this.close();
    this.#current = new ReplayableContent(this);
    return this.#current;
  }

  /** Ends the current attempt. */
  close(): void {
    this.#exchange.body.onReadable = undefined;
    this.#current?.abort();
    this.#current = undefined;
  }

  /** There will be no other attempt, unless the content comes back. */
  forget(): void {
    this.#kept = undefined;
  }

  /** Frees memory and disk. */
  release(): void {
    for (const spool of this.#spools) spool.close();
    this.#spools.clear();
  }

  /** What the current attempt has sent comes back. It sends nothing more, and its request stays open until all is back. */
  handBack(): Handback {
    const content = this.#current!;
    this.#current = undefined;
    this.#exchange.body.onReadable = undefined;
    content.stop();
    const { forwarded } = content;
    const spool = new Spool(this.#options);
    this.#spools.add(spool);
    const before = this.#segments.reduce((sum, { length }) => sum + length, 0);
    this.#segments = [{ spool, start: 0, length: forwarded }, ...after(this.#segments, forwarded)];
    // What the attempt has not sent of what was kept follows.
    this.#kept =
      forwarded > before || this.#kept === undefined ? cut(this.#kept ?? [], forwarded - before) : this.#kept;
    this.#keptBytes = this.#kept.reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (const old of this.#spools) {
      if (this.#segments.some((segment) => segment.spool === old)) continue;
      old.close();
      this.#spools.delete(old);
    }
    return new Handback(spool, content, forwarded);
  }

  // ---- For ReplayableContent

  /** The chunk at a position, without taking it; "open" if it has not arrived, "ended" at the end. */
  async peek(content: ReplayableContent): Promise<Ahead> {
    let rest = content.forwarded;
    for (const { spool, start, length } of this.#segments) {
      if (rest < length) {
        const chunk = await spool.read(start + rest);
        return chunk === undefined ? new Error("the content did not come back") : chunk.subarray(0, length - rest);
      }
      rest -= length;
    }
    for (const chunk of this.#kept ?? []) {
      if (rest < chunk.byteLength) return chunk.subarray(rest);
      rest -= chunk.byteLength;
    }
    return this.#peekClient(content);
  }

  #peekClient(content: ReplayableContent): Ahead {
    if (content !== this.#current) return "open";
    const { body } = this.#exchange;
    if (!this.#isBegun) {
      this.#isBegun = true;
      // Sent only now that an origin is connected, so that a client waiting for 100 does not send its body in vain.
      continueIfExpected(this.#exchange);
    }
    body.onReadable = undefined;
    this.#ahead ??= body.read();
    if (this.#ahead !== undefined) return this.#ahead;
    if (body.state === "ended") return "ended";
    if (body.state === "aborted") return this.#exchange.aborted ?? new Error("the client aborted its request");
    body.onReadable = () => content.wake();
    return "open";
  }

  /** The attempt sends a chunk that it has peeked at. */
  take(chunk: Uint8Array): void {
    this.onProgress?.();
    if (chunk !== this.#ahead) return;
    this.#ahead = undefined;
    if (this.#kept === undefined) return;
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes > this.#limit) this.#kept = undefined;
    else this.#kept.push(chunk);
  }
}

/** The parts after the first bytes. */
function after(segments: readonly Segment[], bytes: number): Segment[] {
  let skipped = bytes;
  return segments.flatMap(({ spool, start, length }) => {
    const cutOff = Math.min(skipped, length);
    skipped -= cutOff;
    return cutOff === length ? [] : [{ spool, start: start + cutOff, length: length - cutOff }];
  });
}

/** The chunks without the first bytes. */
function cut(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skipped = Math.max(0, bytes);
  return chunks.flatMap((chunk) => {
    const cutOff = Math.min(skipped, chunk.byteLength);
    skipped -= cutOff;
    return cutOff === chunk.byteLength ? [] : [chunk.subarray(cutOff)];
  });
}

/** The content as one attempt sends it, with an exact count: a session sends each chunk that it takes. */
export class ReplayableContent implements AsyncIterable<Uint8Array> {
  /** Bytes that the session has taken. */
  forwarded = 0;
  isWaiting = false;
  readonly #body: ReplayableBody;
  #isStopped = false;
  #isFinished = false;
  #isAborted = false;
  #wake: (() => void) | undefined;
  /** True if there may be more since the last look: a call of `wake` may come while one is under way. */
  #isWoken = false;

  constructor(body: ReplayableBody) {
    this.#body = body;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    while (!this.#isFinished) {
      this.#isWoken = false;
      const chunk = this.#isStopped ? "open" : await this.#body.peek(this);
      if (this.#isFinished) break;
      if (this.#isStopped || chunk === "open") {
        if (this.#isWoken) continue;
        this.isWaiting = !this.#isStopped;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.isWaiting = false;
      } else if (chunk === "ended") return;
      else if (chunk instanceof Error) throw chunk;
      else {
        this.forwarded += chunk.byteLength;
        this.#body.take(chunk);
        yield chunk;
      }
    }
    // A request that is cut off must not look complete.
    if (this.#isAborted) throw new Error("the attempt has ended");
  }

  /** There may be more. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Sends nothing more, and leaves the request open. */
  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  /** Ends the attempt, whose request is reset. */
  abort(): void {
    this.#isAborted = true;
    this.finish();
  }

  /** Ends the request as it is. */
  finish(): void {
    this.#isFinished = true;
    this.wake();
  }
}

/** A request on its way back from an origin. */
export class Handback {
  readonly #spool: Spool;
  readonly #content: ReplayableContent;
  readonly #count: HandbackCount;

  constructor(spool: Spool, content: ReplayableContent, forwarded: number) {
    this.#spool = spool;
    this.#content = content;
    this.#count = new HandbackCount(forwarded);
    this.#finishIfComplete();
  }

  get isComplete(): boolean {
    return this.#count.isComplete;
  }

  /** Why the response must not end now; undefined if it may. */
  get problem(): string | undefined {
    return this.#spool.error?.message ?? this.#count.problem;
  }

  /** Takes content that came back. Returns false when the disk needs a pause: `onDrain` follows. */
  take(chunk: Uint8Array, onDrain: () => void): boolean {
    if (!this.#count.take(chunk.byteLength)) return true;
    const hasRoom = this.#spool.write(chunk);
    if (!hasRoom) this.#spool.onDrain = onDrain;
    this.#finishIfComplete();
    return hasRoom;
  }

  /** True if more came back than was sent, or it cannot be kept. */
  get isBroken(): boolean {
    return this.#count.returned > this.#count.expected || this.#spool.error !== undefined;
  }

  /** Section 3.2: the request ends once everything that was sent has come back. */
  #finishIfComplete(): void {
    if (!this.#count.isComplete) return;
    this.#spool.end();
    this.#content.finish();
  }
}
