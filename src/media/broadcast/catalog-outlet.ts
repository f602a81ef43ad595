/** Reads the catalog of a broadcast that is watched. */

import type { Instant } from "../../base/time.ts";
import { type Catalog, CatalogError, type CatalogTrack, parseMsf } from "../catalog/index.ts";
import type { Refusal, SubgroupStart, TrackEnd } from "../relay/model.ts";
import type { ViewerStream, ViewOutlet } from "../relay/peer.ts";
import { Gathering } from "./gathering.ts";

/** A track whose CMAF header the catalog has. */
export type PlayableTrack = CatalogTrack & { readonly init: Uint8Array };

/** True if its chunks can be passed on. */
export const isPlayable = (track: CatalogTrack): track is PlayableTrack =>
  track.packaging === "cmaf" && track.init !== undefined;

/** The catalog, or what is wrong with it. */
export function readCatalog(bytes: Uint8Array): Catalog | string {
  try {
    return parseMsf(bytes);
  } catch (error) {
    if (error instanceof CatalogError) return `the catalog cannot be read: ${error.message}`;
    throw error;
  }
}

/** Hands over each catalog, and the end of them. */
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
