/** Classes of Node's HTTP servers, for floors that may not import them. */
import { EventEmitter } from "node:events";
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { createRequire } from "node:module";

// Tracing tools change https.Server when it is required: those that `node -r` loads do not see imports.
const { Server: HttpsServer } = createRequire(import.meta.url)("node:https") as typeof import("node:https");

export type Listener = RequestListener;
export { IncomingMessage as NodeIncomingMessage, ServerResponse as NodeServerResponse };

/**
 * An EventEmitter with https.Server's prototype, since test clients, among others, choose https if `server instanceof
 * tls.Server`. The constructor of https.Server does not run: subclasses replace the methods that need it.
 */
export const HttpsServerShape: new (options: { captureRejections: boolean }) => EventEmitter = Object.assign(
  function (this: EventEmitter, options: object): void {
    EventEmitter.call(this as never, options);
  },
  { prototype: Object.create(HttpsServer.prototype) as EventEmitter },
) as never;
