/** MoQ Transport in all drafts: control messages, streams with objects, and datagrams, mutated and cut anywhere. */

import { ProtocolError } from "../../src/base/errors.ts";
import {
  ControlCodec,
  type ControlMessage,
  ControlReader,
  DataReader,
  DRAFTS,
  parseDatagram,
} from "../../src/media/moq/index.ts";
import { equalBytes } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { MoqWords } from "../moq-words.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const ENOUGH = 400;
/** One message, or the properties of one object, and what was pushed with them. */
const MAX_HELD = 80_000;

class MoqSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #codec: ControlCodec;
  readonly #words: MoqWords;
  #control: ControlReader;
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#codec = new ControlCodec(this.#chance.pick(DRAFTS));
    this.#words = new MoqWords(this.#chance, this.#codec);
    this.#control = new ControlReader(this.#codec);
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#guarded(() => {
      switch (chance.below(4)) {
        case 0:
          this.#readStream(chance.oneIn(2) ? this.#words.subgroup() : this.#words.fetch());
          break;
        case 1:
          parseDatagram(this.#spoiled(this.#words.datagram()), this.#codec.dialect);
          break;
        default:
          this.#readControl(this.#spoiled(this.#codec.emit(this.#words.message())));
      }
    });
    if (this.#steps >= ENOUGH) this.outcome ??= `draft ${this.#codec.draft}`;
  }

  end(): void {}

  /** A violation ends the session; here only what reads. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#control = new ControlReader(this.#codec);
    }
  }

  #spoiled(bytes: Uint8Array): Uint8Array {
    return this.#chance.oneIn(3) ? mutate(bytes, this.#chance) : bytes.slice();
  }

  #readControl(bytes: Uint8Array): void {
    const cut = this.#chance.below(bytes.length + 1);
    for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      this.#control.push(part);
      for (let message = this.#control.poll(); message !== undefined; message = this.#control.poll())
        this.#repeat(message);
    }
  }

  /** What was read can be said again, and says the same. */
  #repeat(message: ControlMessage): void {
    let again: Uint8Array;
    try {
      again = this.#codec.emit(message).slice();
    } catch (error) {
      // Types in wild order, which differences cannot say, or more bytes than a message has.
      if (error instanceof RangeError) return;
      throw error;
    }
    const reader = new ControlReader(this.#codec);
    reader.push(again);
    const second = reader.poll();
    if (second === undefined || !equalBytes(this.#codec.emit(second), again)) {
      throw new VictimFault(`${JSON.stringify(message)} became ${JSON.stringify(second)}`);
    }
  }

  #readStream(stream: Uint8Array): void {
    const chance = this.#chance;
    const reader = new DataReader(this.#codec.dialect, () => chance.pick(["ascending", "descending"]));
    const bytes = this.#spoiled(stream);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + chance.below(40);
      reader.push(bytes.subarray(at, end));
      while (reader.poll() !== undefined);
      if (reader.held > MAX_HELD) throw new VictimFault(`${reader.held} bytes are held`);
      at = end;
    }
    reader.end();
  }
}

export const moq: Target = { name: "moq", start: (seed) => new MoqSession(seed) };
