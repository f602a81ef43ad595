/** Joining a live track at its current group, as each draft does it. */

import { draftHas } from "../draft.ts";
import type { Parameters, TrackName } from "../model.ts";
import type { MoqSession } from "./session.ts";

/** The requests that a join made. */
export interface Join {
  readonly subscription: number;
  /** The fetch of what came before, which has a request of its own up to draft 18; later the "fetch" event names the subscription. */
  readonly fetch: number;
}

/**
 * Subscribes to what comes next, and asks for the groups before it: 1 is the current group, from its first object on. Nothing comes
 * twice. Undefined if there is no stream for a request now.
 */
export function joinTrack(
  session: MoqSession,
  track: TrackName,
  groups: number,
  parameters: Parameters = {},
): Join | undefined {
  const filter = { type: "next-object" } as const;
  if (!draftHas(session.draft, "hasFetchTypes")) {
    const fill: Parameters = { filter: { type: "recent", groups } };
    const subscription = session.request({ type: "subscribe", track, parameters: { ...parameters, filter, fill } });
    return subscription === undefined ? undefined : { subscription, fetch: subscription };
  }
  const subscription = session.request({ type: "subscribe", track, parameters: { ...parameters, filter } });
  if (subscription === undefined) return undefined;
  const joins = { requestId: subscription, isRelative: true, start: groups - 1 };
  const { tokens, priority } = parameters;
  const own: Parameters = {
    ...(tokens === undefined ? {} : { tokens }),
    ...(priority === undefined ? {} : { priority }),
  };
  const fetch = session.request({ type: "fetch", joins, parameters: own });
  if (fetch !== undefined) return { subscription, fetch };
  session.cancel(subscription);
  return undefined;
}
