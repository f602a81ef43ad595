/** Publishes a live stream of fragmented MP4: a catalog, and a track for each of its tracks. It ends with `end`; a new one with the same namespace goes on. */

import type { Instant } from "../../base/time.ts";
import { concat, equalBytes } from "../../wire/text.ts";
import { emitReferenceTime, type Track } from "../bmff/index.ts";
import { type MediaObject, type Notice, Packager, type PackagerOptions } from "../packager/index.ts";
import { PublishedTracks, type PublishedTracksOptions, trackNameOf } from "./published-tracks.ts";

/** What is published, and to whom. */
export interface PublisherOptions extends Omit<PackagerOptions, "firstGroup">, PublishedTracksOptions {
  /** What people should know of the input. */
  readonly onNotice?: (notice: Notice) => void;
}

/** Push bytes as they come. */
export class BroadcastPublisher {
  readonly #options: PublisherOptions;
  readonly #packager: Packager;
  readonly #tracks: PublishedTracks;
  #objects = 0;
  #bytes = 0;

  /** Throws an Error if the peer may not publish there. */
  constructor(options: PublisherOptions, now: Instant) {
    this.#options = options;
    this.#packager = new Packager({ ...options, firstGroup: options.date() });
    this.#tracks = new PublishedTracks(options, now);
  }

  /** Objects so far, and their bytes. */
  get stats(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objects, bytes: this.#bytes };
  }

  /** Names of the tracks. */
  get tracks(): readonly string[] {
    return this.#tracks.names;
  }

  /** The next bytes, cut anywhere. Throws a `BmffError`. */
  push(bytes: Uint8Array, now: Instant): void {
    try {
      this.#packager.push(bytes);
    } finally {
      this.#poll(now);
    }
  }

  /** The broadcast is over. */
  end(now: Instant): void {
    this.#tracks.end(now);
  }

  #poll(now: Instant): void {
    const packager = this.#packager;
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent()) {
      if (event.type === "init") this.#replaceTracks(event.init.segment.tracks, now);
      else if (event.type === "object") this.#send(event.object, now);
      else this.#options.onNotice?.(event.notice);
    }
  }

  #replaceTracks(tracks: readonly Track[], now: Instant): void {
    const names = new Map(tracks.map((track) => [trackNameOf(track), track]));
    for (const name of this.#tracks.names) if (!names.has(name)) this.#tracks.remove(name, now);
    for (const [name, track] of names) {
      const known = this.#tracks.get(name);
      if (known !== undefined && equalBytes(track.init, known.track.init)) continue;
      known?.run?.end(now);
      this.#tracks.set(track, now);
    }
    this.#tracks.sendCatalog(now);
  }

  #send(object: MediaObject, now: Instant): void {
    const published = this.#tracks.get(trackNameOf(object.track));
    if (published === undefined) return;
    if (object.object === 0) {
      published.run?.end(now);
      published.run = published.open(object.group, now);
    }
    const bytes = this.#stamped(object);
    this.#objects += 1;
    this.#bytes += bytes.length;
    published.run?.object({ object: object.object, properties: [], length: bytes.length, status: "normal" }, now);
    published.run?.payload(bytes, now);
  }

  /** Each group of video says when it was made, unless the encoder did. */
  #stamped({ bytes, object, track, decodeTime, wallClock }: MediaObject): Uint8Array {
    if (object > 0 || wallClock !== undefined || track.kind !== "video") return bytes;
    const stamp = { trackId: track.id, wallClock: this.#options.date(), mediaTime: decodeTime };
    return concat(emitReferenceTime(stamp), bytes);
  }
}
