/** The relay's limits. */

import { type Micros, millis } from "../../base/time.ts";

/** What a relay keeps and allows. Times are milliseconds, sizes bytes. */
export interface RelayOptions {
  /** Of all tracks together; 256 MiB by default. The oldest groups go first. */
  readonly cacheBytes?: number | undefined;
  /** Of one track; 64 MiB by default, so an object may be nearly as large. */
  readonly trackBytes?: number | undefined;
  /** How long a group is kept after a newer one began; 10 s by default. */
  readonly cacheAge?: number | undefined;
  /** How late a viewer's group may be once a newer one began; 2 s by default. */
  readonly maxLatency?: number | undefined;
  /** How long a track without viewers is still asked for; 10 s by default. */
  readonly linger?: number | undefined;
  /** How long viewers wait for a publisher that went away; 60 s by default. */
  readonly absence?: number | undefined;
  /** How long a viewer may wait for a track that nobody publishes yet; 30 s by default. */
  readonly maxRendezvous?: number | undefined;
  /** Tracks at a time; 10,000 by default. */
  readonly maxTracks?: number | undefined;
  /** Subscriptions at a time; 100,000 by default. */
  readonly maxViews?: number | undefined;
  /** Subscriptions and fetches of one peer; 1,000 by default. */
  readonly maxViewsPerPeer?: number | undefined;
  /** Announcements, pushed tracks and watches of one peer; 1,000 by default. */
  readonly maxNamesPerPeer?: number | undefined;
}

/** The options, complete. */
export interface RelaySettings {
  readonly cacheBytes: number;
  readonly trackBytes: number;
  readonly cacheAge: Micros;
  readonly maxLatency: Micros;
  readonly linger: Micros;
  readonly absence: Micros;
  /** Milliseconds. */
  readonly maxRendezvous: number;
  readonly maxTracks: number;
  readonly maxViews: number;
  readonly maxViewsPerPeer: number;
  readonly maxNamesPerPeer: number;
}

const MIB = 1024 * 1024;

/** Throws a RangeError that names the option. */
export function relaySettings(options: RelayOptions): RelaySettings {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0))
      throw new RangeError(`${name} must be a number of at least 0, not ${value}`);
  }
  return {
    cacheBytes: options.cacheBytes ?? 256 * MIB,
    trackBytes: options.trackBytes ?? 64 * MIB,
    cacheAge: millis(options.cacheAge ?? 10_000),
    maxLatency: millis(options.maxLatency ?? 2_000),
    linger: millis(options.linger ?? 10_000),
    absence: millis(options.absence ?? 60_000),
    maxRendezvous: options.maxRendezvous ?? 30_000,
    maxTracks: options.maxTracks ?? 10_000,
    maxViews: options.maxViews ?? 100_000,
    maxViewsPerPeer: options.maxViewsPerPeer ?? 1_000,
    maxNamesPerPeer: options.maxNamesPerPeer ?? 1_000,
  };
}
