/**
 * HTTP's newer parts for handlers: notices of deprecation and sunset, and preferences. Each works with fetch handlers, and on the requests and
 * responses of `nagare/node`.
 *
 * @module nagare/http
 */

export type { Notice, NoticeProblem, ReceivedNotice } from "../http/notices/notices.ts"; // what a response says about its end
export { type Preference, Preferences } from "../http/preferences/preferences.ts"; // what a client prefers
export type { FieldSource, FieldTarget, NodeResponse } from "./message.ts"; // what the functions take
export { announce, type NoticeOptions, noticeOf, untilSunset } from "./notices.ts"; // Deprecation and Sunset
export { type AsyncContext, answerInTime, applyPreferences, preferencesOf } from "./preferences.ts"; // Prefer
