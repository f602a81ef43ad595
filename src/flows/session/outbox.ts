/** Control units that wait to be sent, and are sent again until they have arrived or say nothing new any more. */

import { Fifo } from "../../base/fifo.ts";
import { unitLength } from "../packet/layout.ts";
import type { ControlUnit } from "../packet/types.ts";
import type { Tracked } from "./recovery.ts";

class Letter implements Tracked {
  readonly unit: ControlUnit;
  readonly #outbox: Outbox;
  readonly #key: string;
  readonly #onArrived: (() => void) | undefined;

  constructor(outbox: Outbox, key: string, unit: ControlUnit, onArrived: (() => void) | undefined) {
    this.#outbox = outbox;
    this.#key = key;
    this.unit = unit;
    this.#onArrived = onArrived;
  }

  get key(): string {
    return this.#key;
  }

  onAcked(): void {
    this.#outbox.settle(this);
    this.#onArrived?.();
  }

  onLost(): void {
    this.#outbox.repeat(this);
  }
}

export class Outbox {
  readonly #waiting = new Fifo<Letter>();
  /** The latest of each kind and flow; an older one is dropped instead of being sent again. */
  readonly #current = new Map<string, Letter>();

  get isEmpty(): boolean {
    this.#dropOld();
    return this.#waiting.size === 0;
  }

  /** `topic` and the unit's flow say which older units this one replaces. */
  push(topic: string, unit: ControlUnit, onArrived?: () => void): void {
    const letter = new Letter(this, `${topic} ${unit.flow}`, unit, onArrived);
    this.#current.set(letter.key, letter);
    this.#waiting.push(letter);
  }

  /** Takes the next unit, if it fits into `room` bytes. */
  take(room: number): Letter | undefined {
    this.#dropOld();
    const first = this.#waiting.first;
    if (first === undefined || unitLength(first.unit) > room) return undefined;
    return this.#waiting.shift();
  }

  /** @internal */
  settle(letter: Letter): void {
    if (this.#current.get(letter.key) === letter) this.#current.delete(letter.key);
  }

  /** @internal */
  repeat(letter: Letter): void {
    if (this.#current.get(letter.key) === letter) this.#waiting.push(letter);
  }

  #dropOld(): void {
    for (let first = this.#waiting.first; first !== undefined; first = this.#waiting.first) {
      if (this.#current.get(first.key) === first) return;
      this.#waiting.shift();
    }
  }
}
