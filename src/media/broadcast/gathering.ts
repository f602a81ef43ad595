/** Puts the pieces of objects together. */

import { concat } from "../../wire/text.ts";
import type { ObjectHead } from "../relay/model.ts";
import type { ViewerStream } from "../relay/peer.ts";

/** Gathers the objects of a stream. */
export class Gathering implements ViewerStream {
  readonly hasRoom = true;
  readonly group: number;
  readonly #onObject: (bytes: Uint8Array) => void;
  readonly #onOver: () => void;
  #length = 0;
  #received = 0;
  #pieces: Uint8Array[] = [];

  constructor(group: number, onObject: (bytes: Uint8Array) => void, onOver: () => void) {
    this.group = group;
    this.#onObject = onObject;
    this.#onOver = onOver;
  }

  object({ length }: ObjectHead): void {
    this.#length = length;
    this.#received = 0;
    this.#pieces = [];
  }

  payload(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#received += bytes.length;
    if (this.#received < this.#length) return;
    this.#onObject(concat(...this.#pieces));
    this.#pieces = [];
  }

  end(): void {
    this.#onOver();
  }

  reset(): void {
    this.#onOver();
  }
}
