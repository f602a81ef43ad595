/** Filters of MoQ Transport as ranges of the relay, and ranks as the order of streams. */

import type { Filter, Location, Parameters, TrackName } from "../../moq/model.ts";
import type { ViewRange } from "../model.ts";
import type { FetchRequest, ViewRank, ViewRequest } from "../peer.ts";

/**
 * What a subscription wants. Without a filter it gets everything that the publisher sends from now on; ours begins with the newest
 * group, so that a decoder can.
 */
export function rangeOf(filter: Filter | undefined): ViewRange {
  switch (filter?.type) {
    case "next-group":
    case "next-object":
      return { start: filter.type };
    case "recent":
      return { start: { recent: filter.groups } };
    case "start":
      return { start: filter.start };
    case "range":
      return {
        start: filter.start,
        endGroup: filter.endGroup,
        ...(filter.endObject === undefined ? {} : { endObject: filter.endObject }),
      };
    default:
      return { start: "newest-group" };
  }
}

/** What a fetch, or a fill, wants: `largest` bounds it. */
export function fetchRange(
  filter: Filter | undefined,
  largest: Location | undefined,
): Pick<FetchRequest, "start" | "end"> {
  switch (filter?.type) {
    case "start":
      return { start: filter.start };
    case "range":
      return { start: filter.start, end: { group: filter.endGroup, object: filter.endObject } };
    case "recent":
      return { start: { group: Math.max(0, (largest?.group ?? 0) + 1 - filter.groups), object: 0 } };
    case "next-group":
      return { start: { group: (largest?.group ?? 0) + 1, object: 0 } };
    case "next-object":
      return { start: { group: largest?.group ?? 0, object: (largest?.object ?? -1) + 1 } };
    default:
      return { start: { group: 0, object: 0 } };
  }
}

const GROUPS = 2 ** 30;
const SUBGROUPS = 2 ** 7;

/** §7 of draft 18 as one number: the subscriber's priority, the publisher's, the group, the subgroup. Higher goes first. */
export function sendOrderOf({ subscriber, publisher, order, group, subgroup }: ViewRank): number {
  const place = group % GROUPS;
  const byGroup = order === "ascending" ? GROUPS - 1 - place : place;
  const bySubgroup = SUBGROUPS - 1 - Math.min(subgroup, SUBGROUPS - 1);
  return (((255 - subscriber) * 256 + (255 - publisher)) * GROUPS + byGroup) * SUBGROUPS + bySubgroup;
}

/** What SUBSCRIBE, or the answer to PUBLISH, asks for. */
export function viewRequest(track: TrackName, parameters: Parameters): ViewRequest {
  const { filter, priority, groupOrder, forward, rendezvousTimeout } = parameters;
  const timeouts = [parameters.objectDeliveryTimeout, parameters.subgroupDeliveryTimeout].filter(
    (each) => each !== undefined && each > 0,
  ) as number[];
  return {
    track,
    range: rangeOf(filter),
    ...(priority === undefined ? {} : { priority }),
    order: groupOrder,
    forward,
    maxLatency: timeouts.length === 0 ? undefined : Math.min(...timeouts),
    rendezvous: rendezvousTimeout,
  };
}
