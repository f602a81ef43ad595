/** A relay of live media: MoQ Transport over WebTransport, as `nagare live relay` serves it. */

import type { LiveOptions } from "./options.ts";
import { LiveService } from "./service.ts";

export type { UpstreamEvent } from "../../host/live/kept-session.ts";
export type { LiveAnswer, LiveAuthorize, LiveGrant, LiveOptions, LiveRequest, LiveUpstream } from "./options.ts";
export { LiveService } from "./service.ts";

/** Throws a `ServeError` if an option is invalid. */
export const createLiveRelay = (options: LiveOptions = {}): LiveService => new LiveService(options);
