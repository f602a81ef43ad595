/** The tracks of a catalog that can be passed on as CMAF. */

import { type Catalog, CatalogError, type CatalogTrack, parseMsf } from "../catalog/index.ts";

/** A track whose CMAF header the catalog has. */
export type PlayableTrack = CatalogTrack & { readonly init: Uint8Array };

/** True if its chunks can be passed on. */
export const isPlayable = (track: CatalogTrack): track is PlayableTrack =>
  track.packaging === "cmaf" && track.init !== undefined;

/** The catalog, or what is wrong with it. */
export function readCatalog(bytes: Uint8Array): Catalog | string {
  try {
    return parseMsf(bytes);
  } catch (error) {
    if (error instanceof CatalogError) return `the catalog cannot be read: ${error.message}`;
    throw error;
  }
}
