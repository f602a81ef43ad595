/**
 * Equal reads of a key that are under way at the same time, as one: a popular item costs its backend one request. A write of the
 * key ends that: a read that comes after it asks again.
 */

import type { Instant } from "../../base/time.ts";
import { isRepeatable, type Request, text } from "../protocol/request.ts";
import type { Response } from "../protocol/response.ts";
import type { ResponseSink, Route } from "./route.ts";

class SharedRead implements ResponseSink {
  readonly line: string;
  readonly isPart: boolean;
  readonly #waiting: (readonly [sink: ResponseSink, tag: number])[] = [];
  readonly #end: (read: SharedRead) => void;

  constructor({ bytes, start, lineEnd, isPart }: Request, end: (read: SharedRead) => void) {
    this.line = text(bytes, start, lineEnd);
    this.isPart = isPart;
    this.#end = end;
  }

  add(sink: ResponseSink, tag: number): void {
    this.#waiting.push([sink, tag]);
  }

  handleResponse(response: Response | undefined, _tag: number, now: Instant): void {
    this.#end(this);
    for (const [sink, tag] of this.#waiting) sink.handleResponse(response, tag, now);
  }
}

export class CoalescingRoute implements Route {
  readonly #child: Route;
  readonly #reads = new Map<string, SharedRead>();

  constructor(child: Route) {
    this.#child = child;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const { key } = request;
    if (!isRepeatable(request)) {
      this.#reads.delete(key);
      this.#child.start(request, sink, tag, now);
      return;
    }
    const read = this.#reads.get(key);
    if (read?.isPart === request.isPart && read.line === text(request.bytes, request.start, request.lineEnd)) {
      read.add(sink, tag);
      return;
    }
    const own = new SharedRead(request, (ended) => {
      if (this.#reads.get(key) === ended) this.#reads.delete(key);
    });
    own.add(sink, tag);
    this.#reads.set(key, own);
    this.#child.start(request, own, 0, now);
  }
}
