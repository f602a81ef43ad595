/**
 * `new Request(request)` and `fetch(request)` look inside their argument, where one of ours (server-request.ts) has
 * nothing. So they are taught to look at the real Request behind it instead; for all other arguments nothing changes.
 */
import { ServerRequest } from "./server-request.ts";

let taught = false;

/** Idempotent. Happens at the first request that a fetch handler gets, not at import. */
export function teachGlobals(): void {
  if (taught) return;
  taught = true;
  const unwrapFirst = (args: unknown[]): unknown[] => [ServerRequest.unwrap(args[0]), ...args.slice(1)];
  define(
    "Request",
    new Proxy(globalThis.Request, {
      construct: (target, args, newTarget) => Reflect.construct(target, unwrapFirst(args), newTarget) as object,
    }),
  );
  define(
    "fetch",
    new Proxy(globalThis.fetch, {
      apply: (target, self, args) => Reflect.apply(target, self, unwrapFirst(args) as Parameters<typeof fetch>),
    }),
  );
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
}
