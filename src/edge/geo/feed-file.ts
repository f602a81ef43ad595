/** Geofeeds on disk, read in pieces. */

import { createReadStream } from "node:fs";
import { ServeError } from "../../host/listen/errors.ts";
import { type Geofeed, GeofeedReader } from "../../http/index.ts";
import { moduleState } from "../module.ts";

/** The last state of each file, so that a reload reads only what has changed. */
const known = new Map<string, { readonly state: string; readonly feed: Promise<Geofeed> }>();

/** Rejects with a `ServeError` for a file that cannot be read. */
export function loadFeed(file: string): Promise<Geofeed> {
  const state = moduleState(file);
  const before = known.get(file);
  if (before?.state === state) return before.feed;
  const feed = readFeed(file);
  known.set(file, { state, feed });
  feed.catch(() => known.delete(file));
  return feed;
}

async function readFeed(file: string): Promise<Geofeed> {
  const reader = new GeofeedReader();
  try {
    for await (const chunk of createReadStream(file)) reader.write(chunk as Uint8Array);
  } catch (cause) {
    throw new ServeError("OPTION_INVALID", `cannot read the geofeed ${file}: ${(cause as Error).message}`, { cause });
  }
  return reader.end();
}
