/** Small routes: a fixed time to live, a rate limit, a random choice, a shorter key, and a fixed answer. */

import { type Instant, type Micros, since } from "../../base/time.ts";
import { COMMANDS } from "../protocol/command.ts";
import { withFlag, withoutPrefix, withToken } from "../protocol/edit.ts";
import { ERRORS } from "../protocol/errors.ts";
import { latin1, type Request } from "../protocol/request.ts";
import { CODES, ownResponse, type Response } from "../protocol/response.ts";
import { nullResponse } from "./null.ts";
import type { ResponseSink, Route } from "./route.ts";

const BAD_TTL_COMMAND = ownResponse("error", CODES.serverError, ERRORS.badTtlCommand);
const EXPTIME_TOKEN = 3;

/** Sets the time to live of what is stored; other commands are refused. */
export class TtlRoute implements Route {
  readonly #ttl: string;
  readonly #child: Route;

  constructor(ttl: number, child: Route) {
    this.#ttl = String(ttl);
    this.#child = child;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const edited = this.#edit(request);
    if (edited === undefined) sink.handleResponse(BAD_TTL_COMMAND, tag, now);
    else this.#child.start(edited, sink, tag, now);
  }

  #edit(request: Request): Request | undefined {
    switch (request.command) {
      case COMMANDS.ms:
        return withFlag(request, "T", this.#ttl);
      case COMMANDS.set:
      case COMMANDS.add:
      case COMMANDS.cas:
        return withToken(request, EXPTIME_TOKEN, this.#ttl);
      default:
        return undefined;
    }
  }
}

/** A token bucket, filled by `fillRate` tokens every `tick`. The last token is never given, as in memcached. */
export class TokenBucket {
  readonly #limit: number;
  readonly #fillRate: number;
  readonly #tick: Micros;
  #tokens: number;
  #updated: Instant | undefined;

  constructor(limit: number, fillRate: number, tick: Micros) {
    this.#limit = limit;
    this.#fillRate = fillRate;
    this.#tick = tick;
    this.#tokens = limit;
  }

  take(count: number, now: Instant): boolean {
    this.#updated ??= now;
    const elapsed = since(this.#updated, now);
    if (elapsed > this.#tick) {
      const ticks = Math.floor(elapsed / this.#tick);
      this.#updated = (this.#updated + ticks * this.#tick) as Instant;
      this.#tokens = Math.min(this.#limit, this.#tokens + ticks * this.#fillRate);
    }
    if (this.#tokens <= count) return false;
    this.#tokens -= count;
    return true;
  }
}

export class RateLimitRoute implements Route {
  readonly #bucket: TokenBucket;
  readonly #child: Route;
  readonly #failsUntilLimit: boolean;
  readonly #countLimit: (() => void) | undefined;

  /** With `failsUntilLimit`, only requests above the rate are passed on. */
  constructor(bucket: TokenBucket, child: Route, failsUntilLimit: boolean, countLimit: (() => void) | undefined) {
    this.#bucket = bucket;
    this.#child = child;
    this.#failsUntilLimit = failsUntilLimit;
    this.#countLimit = countLimit;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    if (this.#bucket.take(1, now) !== this.#failsUntilLimit) {
      this.#child.start(request, sink, tag, now);
      return;
    }
    this.#countLimit?.();
    sink.handleResponse(nullResponse(request), tag, now);
  }
}

export class RandomRoute implements Route {
  readonly #children: readonly Route[];
  readonly #random: () => number;

  /** `random` returns a number of at least 0 and below 1. */
  constructor(children: readonly Route[], random: () => number) {
    this.#children = children;
    this.#random = random;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    this.#children[Math.floor(this.#random() * this.#children.length)]!.start(request, sink, tag, now);
  }
}

/** Removes what a pattern matches at the key's beginning, so that it takes no room in the backend. */
export class TrimRoute implements Route {
  readonly #pattern: RegExp;
  readonly #child: Route;

  constructor(pattern: RegExp, child: Route) {
    this.#pattern = pattern;
    this.#child = child;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const length = this.#pattern.exec(request.key)?.[0].length ?? 0;
    this.#child.start(withoutPrefix(request, length), sink, tag, now);
  }
}

/** Answers with a fixed line. */
export class ErrorRoute implements Route {
  readonly #response: Response;

  constructor(line: string) {
    this.#response = ownResponse("error", CODES.serverError, latin1(`${line}\r\n`));
  }

  start(_request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    sink.handleResponse(this.#response, tag, now);
  }
}
