/**
 * Asynchronous contexts (AsyncLocalStorage) of requests. Requests share connections, sockets and turns of the event
 * loop, so without a scope of its own the code of one request would run in a context that another one has entered.
 */
import { AsyncResource } from "node:async_hooks";

/** Runs calls in the context in which it was created. A context entered during a call stays within this scope. */
export type Scope = Pick<AsyncResource, "runInAsyncScope">;

/** Captures the current context. */
export const captureScope = (): Scope => new AsyncResource("nagare.request");

/** Returns a function that creates scopes with the current context, independent of where it is called. */
export function scopesOfListener(): () => Scope {
  const outer = captureScope();
  return () => outer.runInAsyncScope(captureScope);
}

/** Binds a callback to a scope. */
export const within =
  <Args extends unknown[]>(scope: Scope, run: (...args: Args) => unknown): ((...args: Args) => void) =>
  (...args) => {
    scope.runInAsyncScope(run, undefined, ...args);
  };
