/** An EventEmitter whose constructor does nothing: it allocates when the first listener is added. */
import { EventEmitter } from "node:events";

export const BareEmitter: new () => EventEmitter = Object.assign(function (this: EventEmitter): void {}, {
  prototype: EventEmitter.prototype,
}) as never;
