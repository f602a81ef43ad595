/**
 * Routes that ask several children at once: all of them (allsync), a majority of them, the fastest (allfastest), without
 * waiting (allasync), or two with the answer of one (split).
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { Request } from "../protocol/request.ts";
import { BACKEND_FAILURE, type Response } from "../protocol/response.ts";
import { nullResponse } from "./null.ts";
import { type Alarm, type Alarms, qualityOf, type ResponseSink, type Route } from "./route.ts";

/** Drops a response that nobody waits for. */
const IGNORED: ResponseSink = { handleResponse() {} };

/** Responses of all children of one request, until a rule has decided. */
abstract class Gathering implements ResponseSink {
  protected readonly responses: (Response | undefined)[];
  readonly #sink: ResponseSink;
  readonly #tag: number;
  #waiting: number;
  #isDecided = false;

  constructor(count: number, sink: ResponseSink, tag: number) {
    this.responses = new Array<Response | undefined>(count).fill(undefined);
    this.#waiting = count;
    this.#sink = sink;
    this.#tag = tag;
  }

  /** Starts every child. Their responses arrive with their index as the tag. */
  start(children: readonly Route[], request: Request, now: Instant): void {
    for (let i = 0; i < children.length; i += 1) children[i]!.start(request, this, i, now);
    if (children.length === 0) this.#decide(now);
  }

  handleResponse(response: Response | undefined, tag: number, now: Instant): void {
    this.responses[tag] = response;
    this.#waiting -= 1;
    // The rule sees every response, also the last.
    const isEnough = !this.#isDecided && this.isEnough(response);
    if (!this.#isDecided && (isEnough || this.#waiting === 0)) this.#decide(now);
  }

  /** Decides with what has come. */
  protected finish(now: Instant): void {
    if (!this.#isDecided) this.#decide(now);
  }

  #decide(now: Instant): void {
    this.#isDecided = true;
    this.#sink.handleResponse(this.choose(), this.#tag, now);
  }

  /** True if no further response is needed. */
  protected abstract isEnough(response: Response | undefined): boolean;
  protected abstract choose(): Response | undefined;
}

class AllSync extends Gathering {
  readonly #takesBest: boolean;

  constructor(count: number, sink: ResponseSink, tag: number, takesBest: boolean) {
    super(count, sink, tag);
    this.#takesBest = takesBest;
  }

  protected isEnough(): boolean {
    return false;
  }

  /** The first error, or else the last response; or the first that is no error, if the best one is wanted. */
  protected choose(): Response | undefined {
    if (this.#takesBest) return this.responses.find((each) => qualityOf(each) !== "error") ?? this.responses[0];
    let last: Response | undefined;
    for (const response of this.responses) {
      last = response;
      if (qualityOf(response) === "error") break;
    }
    return last;
  }
}

export class AllSyncRoute implements Route {
  readonly #children: readonly Route[];
  readonly #takesBest: boolean;

  constructor(children: readonly Route[], takesBest: boolean) {
    this.#children = children;
    this.#takesBest = takesBest;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    new AllSync(this.#children.length, sink, tag, this.#takesBest).start(this.#children, request, now);
  }
}

class Majority extends Gathering {
  readonly #needed: number;
  #good = 0;

  constructor(count: number, sink: ResponseSink, tag: number) {
    super(count, sink, tag);
    this.#needed = Math.floor(count / 2) + 1;
  }

  protected isEnough(response: Response | undefined): boolean {
    if (qualityOf(response) !== "error") this.#good += 1;
    return this.#good === this.#needed;
  }

  protected choose(): Response | undefined {
    if (this.#good < this.#needed) return this.responses.find((each) => qualityOf(each) === "error") ?? BACKEND_FAILURE;
    return (
      this.responses.find((each) => qualityOf(each) === "good") ??
      this.responses.find((each) => qualityOf(each) === "ok")
    );
  }
}

/** Answers when more than half of the children have answered without an error. */
export class MajorityRoute implements Route {
  readonly #children: readonly Route[];

  constructor(children: readonly Route[]) {
    this.#children = children;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    new Majority(this.#children.length, sink, tag).start(this.#children, request, now);
  }
}

/** The first hit if there is one, or else the last miss, or else the last error. */
function best(responses: readonly (Response | undefined)[]): Response | undefined {
  let final: Response | undefined;
  for (const response of responses) {
    if (response === undefined) continue;
    const quality = qualityOf(response);
    if (quality === "good") return response;
    if (quality === "ok" || final === undefined || !final.ok) final = response;
  }
  return final;
}

class AllFastest extends Gathering implements Alarm {
  readonly #takesMiss: boolean;
  stopAlarm: (() => void) | undefined;

  constructor(count: number, sink: ResponseSink, tag: number, takesMiss: boolean) {
    super(count, sink, tag);
    this.#takesMiss = takesMiss;
  }

  handleAlarm(now: Instant): void {
    this.finish(now);
  }

  protected isEnough(response: Response | undefined): boolean {
    const quality = qualityOf(response);
    return quality === "good" || (this.#takesMiss && quality === "ok");
  }

  protected choose(): Response | undefined {
    this.stopAlarm?.();
    return best(this.responses);
  }
}

export interface AllFastestOptions {
  /** True if a hit of a slower child is better than a miss of a faster one. */
  readonly miss: boolean;
  /** Answers with the best response that has come in this time. */
  readonly wait: Micros | undefined;
}

export class AllFastestRoute implements Route {
  readonly #children: readonly Route[];
  readonly #options: AllFastestOptions;
  readonly #alarms: Alarms;

  constructor(children: readonly Route[], options: AllFastestOptions, alarms: Alarms) {
    this.#children = children;
    this.#options = options;
    this.#alarms = alarms;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const { miss, wait } = this.#options;
    const gathering = new AllFastest(this.#children.length, sink, tag, !miss);
    if (wait !== undefined) gathering.stopAlarm = this.#alarms.set(gathering, after(now, wait));
    gathering.start(this.#children, request, now);
  }
}

export class AllAsyncRoute implements Route {
  readonly #children: readonly Route[];

  constructor(children: readonly Route[]) {
    this.#children = children;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    for (const child of this.#children) child.start(request, IGNORED, 0, now);
    sink.handleResponse(nullResponse(request), tag, now);
  }
}

export class SplitRoute implements Route {
  readonly #answering: Route;
  readonly #copied: Route;

  constructor(answering: Route, copied: Route) {
    this.#answering = answering;
    this.#copied = copied;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    this.#answering.start(request, sink, tag, now);
    this.#copied.start(request, IGNORED, 0, now);
  }
}
