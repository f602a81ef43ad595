/** Which objects a filter means, given what was published before. */

import type { Filter, Location } from "./model.ts";

const BEGINNING: Location = { group: 0, object: 0 };

/** The first location that a filter lets through. `largest` is that of the track when the subscription began. */
export function startOf(filter: Filter | undefined, largest: Location | undefined): Location {
  switch (filter?.type) {
    case "start":
    case "range":
      return filter.start;
    case "next-group":
      return largest === undefined ? BEGINNING : { group: largest.group + 1, object: 0 };
    case "next-object":
      return largest === undefined ? BEGINNING : { group: largest.group, object: largest.object + 1 };
    case "recent":
      // It cannot begin before the first group (§5.1.2 of draft 20).
      return largest === undefined ? BEGINNING : { group: Math.max(0, largest.group + 1 - filter.groups), object: 0 };
    default:
      return BEGINNING;
  }
}

/** The same filter in absolute locations. */
export function absoluteFilter(filter: Filter | undefined, largest: Location | undefined): Filter {
  return filter?.type === "range" ? filter : { type: "start", start: startOf(filter, largest) };
}
