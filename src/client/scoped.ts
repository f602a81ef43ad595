// Runs what a session calls in the asynchronous context (AsyncLocalStorage) of the request's caller. Requests share
// sessions, whose own context is that of the request that opened them.
import type { Field, RequestContent, ResponseHandler } from "../host/client/session.ts";
import type { Scope } from "../host/request-scope.ts";
import type { Content } from "./body.ts";

export class ScopedHandler implements ResponseHandler {
  readonly #scope: Scope;
  readonly #handler: ResponseHandler;

  constructor(scope: Scope, handler: ResponseHandler) {
    this.#scope = scope;
    this.#handler = handler;
  }

  onRequestSent(): void {
    this.#scope.runInAsyncScope(this.#handler.onRequestSent, this.#handler);
  }
  onInformational(status: number, fields: readonly Field[], spelled?: readonly Field[]): void {
    this.#scope.runInAsyncScope(this.#handler.onInformational, this.#handler, status, fields, spelled);
  }
  onHead(status: number, fields: readonly Field[], statusText: string, spelled?: readonly Field[]): void {
    this.#scope.runInAsyncScope(this.#handler.onHead, this.#handler, status, fields, statusText, spelled);
  }
  onData(chunk: Uint8Array): void {
    this.#scope.runInAsyncScope(this.#handler.onData, this.#handler, chunk);
  }
  onEnd(trailers: readonly Field[], spelled?: readonly Field[]): void {
    this.#scope.runInAsyncScope(this.#handler.onEnd, this.#handler, trailers, spelled);
  }
  onError(error: Error, unprocessed: boolean): void {
    this.#scope.runInAsyncScope(this.#handler.onError, this.#handler, error, unprocessed);
  }
}

export function scopedContent(scope: Scope, { length, chunks }: Content): RequestContent {
  const scoped: AsyncIterableIterator<Uint8Array> = {
    next: () => scope.runInAsyncScope(chunks.next, chunks),
    return: () => scope.runInAsyncScope(chunks.return, chunks, undefined),
    [Symbol.asyncIterator]: () => scoped,
  };
  return { length, chunks: scoped };
}
