/**
 * The W3C's WebTransport for pages, over a WebSocket where the browser or the network has no other way.
 *
 * @module nagare/webtransport/browser
 */

import { WebTransportError as OwnError } from "../../../host/webtransport/error.ts";
import { WebTransport } from "./web-transport.ts";

export type { SharedWebTransportOptions, WebTransportHash } from "../arguments.ts"; // the options
export type { WebTransportDatagrams } from "./datagrams.ts"; // `datagrams` of a session
export { WebTransport } from "./web-transport.ts"; // the class

/** The browser's own class of errors, if it has one. Errors of both carriers have `source` and `streamErrorCode`. */
export const WebTransportError: typeof OwnError =
  (globalThis as unknown as { readonly WebTransportError?: typeof OwnError }).WebTransportError ?? OwnError;

/** Makes it the page's `WebTransport`, so that programs and libraries need not change. */
export function install(): void {
  Object.assign(globalThis, { WebTransport, WebTransportError });
}
