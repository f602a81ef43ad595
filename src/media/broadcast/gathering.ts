/** What a viewer of a broadcast makes of streams: whole objects. */

import type { Instant } from "../../base/time.ts";
import { concat } from "../../wire/text.ts";
import type { ObjectHead, Refusal, SubgroupStart, TrackEnd } from "../relay/model.ts";
import type { ViewerStream, ViewOutlet } from "../relay/peer.ts";

/** Gathers the objects of a stream: each is told when it is complete. */
export class Gathering implements ViewerStream {
  readonly hasRoom = true;
  readonly group: number;
  readonly #onObject: (bytes: Uint8Array) => void;
  readonly #onOver: (isComplete: boolean) => void;
  #length = 0;
  #received = 0;
  #pieces: Uint8Array[] = [];

  /** `onOver` is told whether the stream was complete. */
  constructor(group: number, onObject: (bytes: Uint8Array) => void, onOver: (isComplete: boolean) => void) {
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
    this.#onOver(true);
  }

  reset(): void {
    this.#onOver(false);
  }
}

/** Hears of each version of a catalog. */
export class CatalogOutlet implements ViewOutlet {
  readonly #onCatalog: (bytes: Uint8Array, now: Instant) => void;
  readonly #onEnd: (end: TrackEnd | Refusal) => void;
  #now = 0 as Instant;

  constructor(onCatalog: (bytes: Uint8Array, now: Instant) => void, onEnd: (end: TrackEnd | Refusal) => void) {
    this.#onCatalog = onCatalog;
    this.#onEnd = onEnd;
  }

  accept(_info: unknown, _largest: unknown, now: Instant): void {
    this.#now = now;
  }

  refuse(refusal: Refusal): void {
    this.#onEnd(refusal);
  }

  open({ group }: SubgroupStart): ViewerStream {
    return new Gathering(
      group,
      (bytes) => this.#onCatalog(bytes, this.#now),
      () => {},
    );
  }

  datagram({ payload }: { readonly payload: Uint8Array }): void {
    this.#onCatalog(payload, this.#now);
  }

  end(reason: TrackEnd): void {
    this.#onEnd(reason);
  }
}
