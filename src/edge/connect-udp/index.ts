/** A UDP proxy (RFC 9298): as the action of a route, and for handlers. */

import type { ConnectUdpOptions } from "./options.ts";
import { UdpProxy } from "./service.ts";

export type { ConnectUdpOptions, UdpProxyRequest } from "./options.ts";
export { UdpProxy } from "./service.ts";

/** Throws a `ServeError` if an option is invalid. */
export const createUdpProxy = (options: ConnectUdpOptions): UdpProxy => new UdpProxy(options);
