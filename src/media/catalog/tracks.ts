/** From the tracks of a stream to a catalog, and back to what a player begins with. */

import { BmffError } from "../bmff/errors.ts";
import { parseInitSegment, type Track } from "../bmff/index.ts";
import { CatalogError } from "./errors.ts";
import { compact } from "./json.ts";
import type { CatalogTrack } from "./model.ts";

/** What a stream does not say of itself. */
export interface TrackOptions {
  /** The track's name; `video0`, `audio1` by its kind and id by default. */
  readonly name?: string;
  /** `cmaf` by default: chunks as they are. */
  readonly packaging?: "cmaf" | "loc";
  readonly bitrate?: number;
  readonly framerate?: number;
  readonly language?: string;
  readonly altGroup?: number;
  readonly renderGroup?: number;
  /** Milliseconds. */
  readonly targetLatency?: number;
}

/** A track of the packager, as a catalog has it. */
export function catalogTrackOf(track: Track, options: TrackOptions = {}): CatalogTrack {
  const { packaging = "cmaf", name = `${track.kind}${track.id}`, ...rest } = options;
  const isCmaf = packaging === "cmaf";
  const { codec } = track;
  return compact<CatalogTrack>({
    name,
    kind: track.kind,
    packaging,
    isLive: true,
    codec: codec.name,
    init: isCmaf ? track.init : undefined,
    description: isCmaf || codec.configuration.length === 0 ? undefined : codec.configuration,
    width: track.width,
    height: track.height,
    sampleRate: track.sampleRate,
    channels: track.channels,
    timescale: track.timescale,
    renderGroup: 1,
    ...rest,
  });
}

/** The track of a CMAF header in a catalog: what a player appends first, and what a decoder must know. Throws a `CatalogError`. */
export function playerTrackOf({ name, init, packaging }: CatalogTrack): Track {
  const where = `track ${JSON.stringify(name)}`;
  if (init === undefined) throw new CatalogError("NO_INIT", where, `no CMAF header; it is packaged as ${packaging}`);
  try {
    return parseInitSegment(init).tracks[0]!;
  } catch (error) {
    if (!(error instanceof BmffError)) throw error;
    throw new CatalogError("NO_INIT", where, `its CMAF header is malformed: ${error.message}`, { cause: error });
  }
}
