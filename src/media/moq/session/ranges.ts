/** What a fetch of the peer, or the fill of its subscription, asks for: joining fetches (up to draft 18) and FILL_PARAMETERS (draft 20). */

import type { ErrorEntry } from "../../../base/errors.ts";
import { REQUEST_ERRORS } from "../errors.ts";
import { compareLocations, type Location, type TrackName } from "../model.ts";
import { type LocationRange, rangeOf } from "../selection.ts";
import type { Request } from "./requests.ts";

/** Objects of the past. The end is inclusive; without an object it is the whole group. */
export interface FetchRange {
  readonly track: TrackName;
  readonly start: Location;
  readonly end: { readonly group: number; readonly object?: number };
  readonly order: "ascending" | "descending";
}

/** What a fetch asks for, or why it is refused; "pending" while the subscription that it joins is not answered. */
export type FetchPlan = FetchRange | { readonly refusal: ErrorEntry } | "pending";

const refuse = (refusal: ErrorEntry): FetchPlan => ({ refusal });

/** `largest` is the track's now; `find` gives the peer's subscriptions. */
export function planFetch(
  request: Request,
  largest: Location | undefined,
  find: (id: number) => Request | undefined,
): FetchPlan {
  const { message, parameters } = request;
  if (message.type !== "fetch") throw new RangeError(`request ${request.id} is no fetch`);
  const order = parameters.groupOrder ?? "ascending";
  const { joins, track } = message;
  if (joins === undefined) return planRange(track!, rangeOf(parameters.filter, largest), largest, order);
  const joined = find(joins.requestId);
  const { INVALID_JOINING_REQUEST_ID, INVALID_RANGE } = REQUEST_ERRORS;
  if (joined === undefined || joined.isOurs || joined.message.type !== "subscribe")
    return refuse(INVALID_JOINING_REQUEST_ID);
  if (!joined.isAnswered) return "pending";
  // §10.12.2 of draft 18: it needs a subscription that forwards, and an object to end with.
  if (joined.largest === undefined || joined.parameters.forward === false) return refuse(INVALID_RANGE);
  const end = joined.largest;
  const group = joins.isRelative ? Math.max(0, end.group - joins.start) : joins.start;
  return planRange(joined.message.track, { start: { group, object: 0 }, end }, end, order);
}

function planRange(
  track: TrackName,
  { start, end }: LocationRange,
  largest: Location | undefined,
  order: "ascending" | "descending",
): FetchPlan {
  // §10.12.3 of draft 18: nothing was published, or the start is after everything.
  if (largest === undefined || compareLocations(start, largest) > 0) return refuse(REQUEST_ERRORS.INVALID_RANGE);
  const isBeyond = end === undefined || compareLocations({ ...end, object: end.object ?? largest.object }, largest) > 0;
  return { track, start, end: isBeyond ? largest : end, order };
}

/** What goes on the fetch stream of a subscription before its own objects; undefined if there is none. */
export function planFill({ message, parameters, largest }: Request): FetchRange | undefined {
  const { fill } = parameters;
  if (fill === undefined || message.type !== "subscribe" || largest === undefined) return undefined;
  // Without a filter inside it has that of the subscription, and an empty filter means everything up to the largest object.
  const { start, end } = rangeOf(fill.filter ?? parameters.filter, largest);
  const order = fill.groupOrder ?? parameters.groupOrder ?? "ascending";
  const plan = planRange(message.track, end === undefined ? { start } : { start, end }, largest, order);
  return plan === "pending" || "refusal" in plan ? undefined : plan;
}
