/**
 * A relay of live media: MoQ Transport over WebTransport, for handlers, routes and `nagare live relay`. Experimental.
 *
 * @module nagare/experimental/live
 */

import type { LiveOptions } from "./options.ts";
import { LiveService } from "./service.ts";

export type { UpstreamEvent } from "../../host/live/kept-session.ts";
export type { LiveAnswer, LiveAuthorize, LiveGrant, LiveOptions, LiveRequest, LiveUpstream } from "./options.ts";
export { LiveService } from "./service.ts";

/** Throws a `ServeError` if an option is invalid. */
export const createLiveRelay = (options: LiveOptions = {}): LiveService => new LiveService(options);
