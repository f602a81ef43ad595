/** Streams of Warp and of the MoQ base draft: messages and boxes, mutated and cut anywhere. */

import { instant } from "../../src/base/time.ts";
import {
  BASE_MESSAGES,
  BaseDraftError,
  BaseStreamReader,
  emitBaseMessage,
  emitOpenMessage,
  emitStreamHeaders,
  emitWarpMessage,
  type InitSegment,
  parseInitSegment,
  STYP,
  TestSource,
  WarpError,
  WarpStreamReader,
} from "../../src/media/index.ts";
import { concat, utf8 } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";

const ENOUGH = 200;

/** Each input is a stream, which `stream` makes. */
abstract class StreamSession implements Session {
  outcome: string | undefined;
  protected readonly chance: Chance;
  #steps = 0;

  constructor(seed: number) {
    this.chance = new Chance(seed);
  }

  step(): void {
    this.#steps += 1;
    const stream = this.stream();
    const bytes = this.chance.oneIn(2) ? mutate(stream, this.chance) : stream;
    try {
      this.read(bytes);
    } catch (error) {
      if (!(error instanceof WarpError || error instanceof BaseDraftError)) throw error;
    }
    if (this.#steps >= ENOUGH) this.outcome = "read enough";
  }

  end(): void {}

  /** In pieces of any size. */
  protected *pieces(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + this.chance.below(2_000);
      yield bytes.subarray(at, end);
      at = end;
    }
  }

  abstract stream(): Uint8Array;
  protected abstract read(bytes: Uint8Array): void;
}

export class WarpStreams extends StreamSession {
  readonly #source = new TestSource({ start: instant(0), hasVideo: false });
  readonly #init: Uint8Array = this.#source.pollBytes(instant(0))!;
  readonly #segment: InitSegment = parseInitSegment(this.#init);

  override stream(): Uint8Array {
    const { chance } = this;
    const parts: Uint8Array[] = [];
    for (let more = 1 + chance.below(3); more > 0; more -= 1) {
      if (chance.oneIn(3)) parts.push(emitWarpMessage({ init: { id: chance.below(3) } }), this.#init);
      const priority = { precedence: chance.below(9_000) - 4_000 };
      const message = { segment: { init: chance.below(3), timestamp: chance.below(9_000) }, priority };
      parts.push(emitWarpMessage(chance.oneIn(3) ? { ...message, extensions: { "x-y": "z" } } : message));
      if (chance.oneIn(2)) parts.push(STYP);
      for (let frames = chance.below(3); frames > 0; frames -= 1) {
        parts.push(this.#source.pollBytes(this.#source.nextTimeout())!);
      }
    }
    return concat(...parts);
  }

  protected read(bytes: Uint8Array): void {
    const initOf = (id: number): InitSegment | undefined => (id < 2 ? this.#segment : undefined);
    const reader = new WarpStreamReader({ onEvent: () => {}, initOf });
    for (const piece of this.pieces(bytes)) reader.push(piece);
    reader.end();
  }
}

export class BaseDraftStreams extends StreamSession {
  readonly #source = new TestSource({ start: instant(0), hasVideo: false });
  readonly #init: Uint8Array = this.#source.pollBytes(instant(0))!;

  override stream(): Uint8Array {
    const { chance } = this;
    const headers = emitStreamHeaders({
      id: chance.below(1_000),
      order: chance.below(2 ** 31) - 2 ** 30,
      depends: Array.from({ length: chance.below(5) }, () => chance.below(99)),
      others: [{ key: 9, value: chance.bytes(20) }],
    });
    const parts = [emitBaseMessage(BASE_MESSAGES.headers, headers)];
    for (let more = chance.below(4); more > 0; more -= 1) {
      const type = chance.pick([0x1, 0x2, 0x10, 0x33]);
      parts.push(
        emitBaseMessage(type, type === 0x10 ? utf8("https://x.example") : chance.exactBytes(1 + chance.below(60))),
      );
    }
    if (chance.oneIn(2)) parts.push(emitOpenMessage(BASE_MESSAGES.segment), ...this.#media());
    return concat(...parts);
  }

  #media(): Uint8Array[] {
    const { chance } = this;
    if (chance.oneIn(3)) return [chance.bytes(300)];
    const frames = Array.from({ length: chance.below(3) }, () => this.#source.pollBytes(this.#source.nextTimeout())!);
    return chance.oneIn(2) ? [this.#init, STYP, ...frames] : [STYP, ...frames];
  }

  protected read(bytes: Uint8Array): void {
    const reader = new BaseStreamReader(() => {});
    for (const piece of this.pieces(bytes)) reader.push(piece);
    reader.end();
  }
}

export const warp: Target = { name: "warp", start: (seed) => new WarpStreams(seed) };
export const baseDraft: Target = { name: "moq-base", start: (seed) => new BaseDraftStreams(seed) };
