/** Priorities and delivery timeouts of a request (§8 of draft 20): the smaller one of the publisher's and the subscriber's. */

import { after, type Instant, millis } from "../../../base/time.ts";
import type { KeyValue, Parameters } from "../model.ts";

const OBJECT_TIMEOUT = 0x02;
const SUBGROUP_TIMEOUT = 0x06;
const PRIORITY = 0x0e;
const GROUP_ORDER = 0x22;
const DEFAULT_PRIORITY = 128;

/** Milliseconds; 0 if there is none. */
export interface Timeouts {
  readonly object: number;
  readonly subgroup: number;
}

const NONE: Timeouts = { object: 0, subgroup: 0 };

/** What a publisher says of a track. */
export interface TrackDelivery {
  readonly priority: number;
  readonly order: "ascending" | "descending";
  readonly timeouts: Timeouts;
}

export const PLAIN_DELIVERY: TrackDelivery = { priority: DEFAULT_PRIORITY, order: "ascending", timeouts: NONE };

function numberOf(properties: readonly KeyValue[], type: number): number | undefined {
  const value = properties.find((each) => each.type === type)?.value;
  return typeof value === "number" ? value : undefined;
}

/** From the properties of SUBSCRIBE_OK or PUBLISH; in draft 14 from its parameters. */
export function deliveryOf(properties: readonly KeyValue[] = [], parameters: Parameters = {}): TrackDelivery {
  const order = numberOf(properties, GROUP_ORDER) === 2 ? "descending" : (parameters.groupOrder ?? "ascending");
  const object = numberOf(properties, OBJECT_TIMEOUT) ?? parameters.objectDeliveryTimeout ?? 0;
  const subgroup = numberOf(properties, SUBGROUP_TIMEOUT) ?? 0;
  return { priority: numberOf(properties, PRIORITY) ?? DEFAULT_PRIORITY, order, timeouts: { object, subgroup } };
}

const smaller = (a: number, b: number): number => (a === 0 || b === 0 ? a + b : Math.min(a, b));

/** Those of a subgroup: properties of its first object go before the track's. */
export function timeoutsOf(track: TrackDelivery, subscriber: Parameters, first: readonly KeyValue[] = []): Timeouts {
  const own = numberOf(first, OBJECT_TIMEOUT) ?? track.timeouts.object;
  const ownSubgroup = numberOf(first, SUBGROUP_TIMEOUT) ?? track.timeouts.subgroup;
  return {
    object: smaller(own, subscriber.objectDeliveryTimeout ?? 0),
    subgroup: smaller(ownSubgroup, subscriber.subgroupDeliveryTimeout ?? 0),
  };
}

/** When an object that was born then is late; undefined if never. */
export const lateAt = (born: Instant, timeout: number): Instant | undefined =>
  timeout === 0 ? undefined : after(born, millis(timeout));
