/**
 * Begins the requests of an HTTP/2 session, a few in each turn of the event loop. One read can hold hundreds of requests
 * together with their resets (CVE-2023-44487) or with what makes us reset them (CVE-2025-8671), while all other
 * clients wait. Requests that are over before their turn never reach the handler, and soon end the session.
 */
import { RateLimit } from "../../base/rate-limit.ts";
import { type Instant, seconds } from "../../base/time.ts";
import { systemClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import type { ExchangeHandler, ServerExchange } from "./exchange.ts";

export interface Http2IntakeOptions {
  readonly onExchange: ExchangeHandler;
  /** Ends the session. */
  readonly cutOff: () => void;
  readonly onFault: (fault: Fault) => void;
}

/** Requests begun per turn. */
const PER_TURN = 32;
/** The same for a client that has just cancelled many. */
const PER_TURN_MISTRUSTED = 4;

/** Cancelled requests per second after which a client is mistrusted. */
const MAX_TRUSTED = 8;
/**
 * Cancelled requests per second after which the session ends. Clients with good reasons cancel at most what was in
 * progress, a few times. A request also counts if its client provoked our reset, which nghttp2 does not count.
 */
const MAX_CANCELLED = 500;
/** Those of them that were cancelled before their turn: about what a browser has in progress. */
const MAX_UNBEGUN = 100;

export class Http2Intake {
  readonly #options: Http2IntakeOptions;
  readonly #waiting = new Set<ServerExchange>();
  readonly #trusted = new RateLimit(MAX_TRUSTED);
  readonly #cancelled = new RateLimit(MAX_CANCELLED);
  readonly #unbegun = new RateLimit(MAX_UNBEGUN);
  /** Requests begun since the last turn of ours. */
  #begun = 0;
  #isMistrusted = false;
  #lastCancelled: Instant = 0 as Instant;
  #hasTurn = false;

  constructor(options: Http2IntakeOptions) {
    this.#options = options;
  }

  /** Begins this request, now or when its turn comes. */
  add(request: ServerExchange): void {
    if (this.#isMistrusted || this.#begun === PER_TURN) this.#waiting.add(request);
    else {
      this.#begun += 1;
      this.#begin(request);
    }
    if (this.#waiting.size > 0 || this.#begun === PER_TURN) this.#takeTurn();
  }

  /** Call when a request ended before its response was complete, unless we ended it. */
  countCancelled(request: ServerExchange): void {
    const now = systemClock.now();
    this.#isMistrusted = !this.#trusted.take(now);
    this.#lastCancelled = now;
    const isUnbegun = this.#waiting.delete(request);
    const isTolerated = this.#cancelled.take(now) && (!isUnbegun || this.#unbegun.take(now));
    if (!isTolerated) this.#options.cutOff();
  }

  readonly #begin = guard(
    "http2 begin",
    (fault, request: ServerExchange) => {
      request.reset(fault.error);
      this.#options.onFault(fault);
    },
    (request: ServerExchange) => this.#options.onExchange(request),
  );

  #takeTurn(): void {
    if (this.#hasTurn) return;
    this.#hasTurn = true;
    setImmediate(this.#turn);
  }

  readonly #turn = guard(
    "http2 turn",
    (fault) => {
      this.#options.cutOff();
      this.#options.onFault(fault);
    },
    () => {
      this.#hasTurn = false;
      this.#begun = 0;
      this.#isMistrusted &&= systemClock.now() - this.#lastCancelled < seconds(1);
      const limit = this.#isMistrusted ? PER_TURN_MISTRUSTED : PER_TURN;
      for (const request of this.#waiting) {
        if (this.#begun === limit) break;
        this.#waiting.delete(request);
        if (request.aborted !== undefined) continue;
        this.#begun += 1;
        this.#begin(request);
      }
      if (this.#waiting.size > 0) this.#takeTurn();
    },
  );
}
