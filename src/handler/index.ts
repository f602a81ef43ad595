/**
 * HTTP's newer parts for handlers: notices of deprecation and sunset, preferences, client hints and locations. Each works with fetch handlers, and on the requests and
 * responses of `nagare/node`.
 *
 * @module nagare/http
 */

export {
  GEOFEED_FINDINGS,
  type GeofeedFinding,
  type GeofeedFindingCode,
} from "../http/geofeed/findings.ts"; // what is wrong with a geofeed
export {
  Geofeed,
  type GeofeedEntry,
  type GeofeedOptions,
  GeofeedReader,
  type GeofeedSummary,
} from "../http/geofeed/geofeed.ts"; // geofeeds
export type { GeoLocation } from "../http/geofeed/location.ts"; // country, region, city
export { type GeoVerdict, type JudgedLocation, judgeGeoHint } from "../http/hints/geo-hint.ts"; // a hint beside a feed
export type { Notice, NoticeProblem, ReceivedNotice } from "../http/notices/notices.ts"; // what a response says about its end
export { type Preference, Preferences } from "../http/preferences/preferences.ts"; // what a client prefers
export { type AskHintsOptions, askHints, clientLocationOf, geoHintOf } from "./hints.ts"; // client hints
export type { FieldSource, FieldTarget, NodeResponse } from "./message.ts"; // what the functions take
export { announce, type NoticeOptions, noticeOf, untilSunset } from "./notices.ts"; // Deprecation and Sunset
export { type AsyncContext, answerInTime, applyPreferences, preferencesOf } from "./preferences.ts"; // Prefer
