/** What a relay holds and does, for metrics and for people. */

import { fromUtf8 } from "../../wire/text.ts";
import type { CacheBudget } from "./cache.ts";
import type { ViewStats } from "./peer.ts";
import type { PeerState } from "./peer-state.ts";
import type { RelayTrack } from "./track.ts";

/** One track. */
export interface TrackStats {
  /** The namespace and the name, joined by slashes. */
  readonly name: string;
  /** The label of the peer that publishes it; undefined while there is none. */
  readonly publisher: string | undefined;
  readonly viewers: number;
  readonly groups: number;
  /** Bytes that are kept. */
  readonly bytes: number;
}

/** One viewer of one track. */
export interface ViewerStats extends ViewStats {
  /** The peer's label. */
  readonly peer: string;
  readonly track: string;
}

/** Everything. */
export interface RelayStats {
  readonly peers: number;
  readonly cachedGroups: number;
  /** Bytes. */
  readonly cachedBytes: number;
  readonly tracks: readonly TrackStats[];
  readonly viewers: readonly ViewerStats[];
}

/** A track's name, for people. */
export const displayName = ({ name: { namespace, name } }: Pick<RelayTrack, "name">): string =>
  [...namespace, name].map(fromUtf8).join("/");

export function statsOf(
  peers: ReadonlySet<PeerState>,
  tracks: ReadonlySet<RelayTrack>,
  budget: CacheBudget,
): RelayStats {
  return {
    peers: peers.size,
    cachedGroups: budget.groups,
    cachedBytes: budget.used,
    tracks: [...tracks].map((track) => ({
      name: displayName(track),
      publisher: track.publisher,
      viewers: track.views,
      groups: track.cache.size,
      bytes: track.cache.cost,
    })),
    viewers: [...peers].flatMap((peer) =>
      [...peer.views].map((view) => ({
        peer: peer.label,
        track: fromUtf8(view.request.track.name),
        ...view.stats,
      })),
    ),
  };
}
