/** Classes of Node's HTTP servers, for floors that may not import them. */
import { EventEmitter } from "node:events";
import { IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { Duplex, type DuplexOptions } from "node:stream";
import { TLSSocket } from "node:tls";

// Tracing tools change https.Server when it is required: those that `node -r` loads do not see imports.
const { Server: HttpsServer } = createRequire(import.meta.url)("node:https") as typeof import("node:https");

/** A listener for Node's `(req, res)`. */
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

/**
 * A Duplex that is an instance of tls.TLSSocket and net.Socket, since programs ask. Their constructors do not run; the
 * methods of a stream are Duplex's, and subclasses replace those that they need.
 */
export const TlsSocketShape: new (options: DuplexOptions) => Duplex = Object.assign(
  function (this: object, options: DuplexOptions): void {
    (Duplex as unknown as (this: object, options: DuplexOptions) => void).call(this, options);
  },
  { prototype: Object.create(TLSSocket.prototype, streamMembers()) as Duplex },
) as never;

/** The members of Duplex that net.Socket or tls.TLSSocket override. */
function streamMembers(): PropertyDescriptorMap {
  const members: PropertyDescriptorMap = {};
  const overrides = [Socket.prototype, TLSSocket.prototype].flatMap((prototype) => Reflect.ownKeys(prototype));
  for (const name of overrides) {
    for (let owner: object | null = Duplex.prototype; owner !== null; owner = Object.getPrototypeOf(owner)) {
      const member = Object.getOwnPropertyDescriptor(owner, name);
      if (member === undefined || owner === Object.prototype) continue;
      members[name as string] = member;
      break;
    }
  }
  return members;
}
