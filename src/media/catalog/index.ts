/** Catalogs of live media: MSF's and hang's, in one shape. */

export { CatalogError, type CatalogErrorCode } from "./errors.ts";
export { emitHang, HANG_TRACK, parseHang } from "./hang.ts";
export {
  type Catalog,
  type CatalogTrack,
  MAX_CATALOG,
  MAX_CATALOG_TRACKS,
  MAX_INIT,
  MAX_TEXT,
} from "./model.ts";
export { emitMsf, MSF_TRACK, MsfReader, parseMsf } from "./msf.ts";
export { catalogTrackOf, playerTrackOf, type TrackOptions } from "./tracks.ts";
