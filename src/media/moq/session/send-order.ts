/** What leaves next (§7.2 of draft 18): the priorities of the subscriber and of the publisher, the order of groups, the subgroup. */

import type { SendOrder } from "./carrier.ts";

/** Where a stream of objects stands. Smaller priorities go first. */
export interface Rank {
  /** 0 to 255: the subscriber's, and the publisher's. */
  readonly subscriber: number;
  readonly publisher: number;
  readonly order: "ascending" | "descending";
  /** How many groups after the first one of the request. */
  readonly group: number;
  readonly subgroup: number;
}

/** Within 2^53: 8 bits for each priority, 28 for the group, 8 for the subgroup. */
const GROUPS = 2 ** 28;
const SUBGROUPS = 2 ** 8;
const PRIORITIES = 2 ** 8;

const clamp = (value: number, limit: number): number => Math.min(Math.max(0, value), limit - 1);

/** Setup goes before all requests. */
export const CONTROL_ORDER: SendOrder = { sendOrder: PRIORITIES * PRIORITIES * GROUPS * SUBGROUPS + 1 };
/** Requests go before all objects. */
export const REQUEST_ORDER: SendOrder = { sendOrder: PRIORITIES * PRIORITIES * GROUPS * SUBGROUPS };

/**
 * The send order of a rank: a higher one leaves first. Drafts leave the order of different requests of equal priorities to the sender;
 * here it follows the groups as well, so that requests which began together advance together.
 */
export function sendOrderOf({ subscriber, publisher, order, group, subgroup }: Rank): SendOrder {
  const place = clamp(group, GROUPS);
  const parts = [
    [PRIORITIES - 1 - clamp(subscriber, PRIORITIES), PRIORITIES],
    [PRIORITIES - 1 - clamp(publisher, PRIORITIES), PRIORITIES],
    [order === "ascending" ? GROUPS - 1 - place : place, GROUPS],
    [SUBGROUPS - 1 - clamp(subgroup, SUBGROUPS), SUBGROUPS],
  ] as const;
  return { sendOrder: parts.reduce((sum, [value, size]) => sum * size + value, 0) };
}
