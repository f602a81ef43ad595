/** What all dialects speak of, once it is no dialect any more: tracks, streams of objects, ranges, and why something ends. */

import { fromLatin1 } from "../../wire/text.ts";
import type { KeyValue, Location, Namespace, TrackName } from "../moq/model.ts";

/** A namespace as the key of a map: no two share one, and that of a prefix is a prefix. */
export const namespaceKey = (namespace: Namespace): string =>
  namespace.map((field) => `${field.length}:${fromLatin1(field)}`).join("");

/** A track as the key of a map. */
export const trackKey = ({ namespace, name }: TrackName): string => `${namespaceKey(namespace)}/${fromLatin1(name)}`;

/** What is known of a track before its objects. */
export interface TrackInfo {
  /** 0 to 255, the smallest first; 128 by default. */
  readonly priority: number;
  readonly order: "ascending" | "descending";
  /** As the publisher gave them; relays pass them on. */
  readonly properties: readonly KeyValue[];
}

/** A track of which nothing is said. */
export const PLAIN_TRACK: TrackInfo = { priority: 128, order: "ascending", properties: [] };

/** How a stream of objects begins. Warp's segments and groups of moq-lite are the only subgroup of their group. */
export interface SubgroupStart {
  readonly group: number;
  readonly subgroup: number;
  /** Undefined for the track's. */
  readonly priority: number | undefined;
  /** True if the last object is the last of the group. */
  readonly endsGroup: boolean;
  /** True if nothing of the subgroup comes before the first object. */
  readonly isFromStart: boolean;
  /** True if objects may have properties. */
  readonly hasProperties: boolean;
}

/** What an object without a payload says. */
export type RelayStatus = "normal" | "end-of-group" | "end-of-track";

/** What stands before an object's payload. */
export interface ObjectHead {
  readonly object: number;
  readonly properties: readonly KeyValue[];
  /** Bytes. */
  readonly length: number;
  readonly status: RelayStatus;
}

/** An object that fits in a datagram. */
export interface DatagramObject extends ObjectHead {
  readonly group: number;
  readonly priority: number | undefined;
  readonly endsGroup: boolean;
  readonly payload: Uint8Array;
}

/** Why a request was refused. Adapters have a code for each. */
export type RefusalReason =
  | "does-not-exist"
  | "unauthorized"
  | "expired-token"
  | "malformed-token"
  | "timeout"
  | "not-supported"
  | "invalid-range"
  | "too-much-load"
  | "going-away"
  | "overlap"
  | "internal";

/** A refusal, with a sentence for people. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

/** Why a track or a subscription ended after it was accepted. */
export type TrackEnd =
  | "track-ended"
  | "range-ended"
  | "going-away"
  | "too-far-behind"
  | "expired"
  | "unauthorized"
  | "malformed"
  | "internal"
  /** The peer is gone; the track may come back. */
  | "lost";

/** Which objects a viewer wants. */
export interface ViewRange {
  /** Where it begins: in the newest group that is kept, after the newest object, with the next group, or at a place. */
  readonly start: "newest-group" | "next-object" | "next-group" | { readonly recent: number } | Location;
  /** The last group, inclusive; none by default. */
  readonly endGroup?: number;
  readonly endObject?: number;
}
