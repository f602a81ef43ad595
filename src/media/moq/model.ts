/** What all drafts speak of: locations, names, filters. One shape for all, whatever it looks like on the wire. */

import type { VarInt } from "../../wire/varint.ts";

/** A place in a track. */
export interface Location {
  readonly group: number;
  readonly object: number;
}

/** Negative, 0 or positive, as `sort` takes it. */
export const compareLocations = (a: Location, b: Location): number => a.group - b.group || a.object - b.object;

/** Fields of at least one byte, from the outermost on. */
export type Namespace = readonly Uint8Array[];

/** A namespace, and a name in it. */
export interface TrackName {
  readonly namespace: Namespace;
  readonly name: Uint8Array;
}

/** A property or an unknown option: an even type has a number, an odd one bytes. */
export interface KeyValue {
  readonly type: VarInt;
  readonly value: VarInt | Uint8Array;
}

/** Which objects a subscription or a fetch is about. */
export type Filter =
  /** Everything; says so where leaving it out would mean something else. */
  | { readonly type: "all" }
  /** From the beginning of the group after the largest. */
  | { readonly type: "next-group" }
  /** From the object after the largest. */
  | { readonly type: "next-object" }
  /** From `groups` groups before the next one: 1 is the current group. From draft 20 on. */
  | { readonly type: "recent"; readonly groups: number }
  | { readonly type: "start"; readonly start: Location }
  /** To the end of `endGroup`, or to `endObject` in it, inclusive. */
  | {
      readonly type: "range";
      readonly start: Location;
      readonly endGroup: number;
      readonly endObject?: number;
    };

/** A range filter, from draft 19 on: objects or tracks with a value in one of the ranges. */
export interface RangeFilter {
  readonly of: "subgroup" | "object" | "priority" | "object-property" | "track-property";
  /** Filters of one set are joined by AND, and sets by OR. */
  readonly set: number;
  readonly propertyType?: number;
  /** Inclusive; only the last one may have no end. */
  readonly ranges: readonly { readonly start: number; readonly end?: number }[];
}

/** A token, or a reference to one. */
export type Token =
  | { readonly action: "delete" | "use-alias"; readonly alias: number }
  | { readonly action: "register"; readonly alias: number; readonly type: number; readonly value: Uint8Array }
  | { readonly action: "use-value"; readonly type: number; readonly value: Uint8Array };

/** What a request asks for, or an answer tells, beside its subject. Times are milliseconds. */
export interface Parameters {
  readonly tokens?: readonly Token[];
  readonly objectDeliveryTimeout?: number;
  readonly subgroupDeliveryTimeout?: number;
  readonly rendezvousTimeout?: number;
  readonly expires?: number;
  readonly largest?: Location;
  readonly fillTimeout?: number;
  /** In draft 14 only; later a property of the track. */
  readonly maxCacheDuration?: number;
  readonly forward?: boolean;
  /** 0 to 255, the smallest first. */
  readonly priority?: number;
  readonly filter?: Filter;
  readonly groupOrder?: "ascending" | "descending";
  readonly newGroup?: number;
  readonly namespacePrefix?: Namespace;
  /** What was before the subscription, on a fetch stream. From draft 20 on. */
  readonly fill?: Parameters;
  readonly rangeFilters?: readonly RangeFilter[];
  readonly includeProperties?: boolean;
}

/** Parameters after an update: what it does not mention stays. */
export const mergeParameters = (before: Parameters, update: Parameters): Parameters => ({ ...before, ...update });

/** What a side says of itself at the beginning. */
export interface SetupOptions {
  readonly path?: string;
  readonly authority?: string;
  readonly tokens?: readonly Token[];
  /** Bytes. */
  readonly maxTokenCache?: number;
  readonly implementation?: string;
  /** Up to draft 16. */
  readonly maxRequestId?: number;
  /** From draft 19 on. */
  readonly maxFilterRanges?: number;
  readonly maxRequestUpdates?: number;
  /** Options that are not known. */
  readonly others?: readonly KeyValue[];
}
