/**
 * Replication with versions: writes are stamped with a CAS value from a clock (meta flag E), answered when most replicas have
 * them, and reads of most replicas find the newest copy and repair older ones. Items that were not written here have no stamp,
 * and are left alone.
 *
 * Stamped are `ms` in mode set and `set`; compared are `mg`, `get` and `gets`. All else goes to all replicas, and most must answer.
 */

import type { Instant } from "../../base/time.ts";
import { COMMANDS } from "../protocol/command.ts";
import { flagIndex, withLine } from "../protocol/edit.ts";
import { latin1, parseRequest, parseRequestText, type Request, text } from "../protocol/request.ts";
import { BACKEND_FAILURE, CODES, ownResponse, Response } from "../protocol/response.ts";
import { MajorityRoute } from "./fan-out.ts";
import { qualityOf, type ResponseSink, type Route } from "./route.ts";

/** Stamps are microseconds since 1970; what memcached counts by itself stays below. */
const FIRST_STAMP = 1e15;
const IGNORED: ResponseSink = { handleResponse() {} };
const STORED = ownResponse("generic", CODES.stored, latin1("STORED\r\n"));

/** Stamps that only grow, close to the time. */
export class StampClock {
  readonly #time: () => number;
  #last = FIRST_STAMP;

  /** `time` returns milliseconds since 1970. */
  constructor(time: () => number) {
    this.#time = time;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#time() * 1_000));
    return this.#last;
  }
}

export class ReplicatedRoute implements Route {
  readonly #children: readonly Route[];
  readonly #majority: MajorityRoute;
  readonly #clock: StampClock;
  readonly #countRepair: () => void;

  constructor(children: readonly Route[], clock: StampClock, countRepair: () => void) {
    this.#children = children;
    this.#majority = new MajorityRoute(children);
    this.#clock = clock;
    this.#countRepair = countRepair;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    const asked = comparable(request);
    if (asked !== undefined) {
      new Comparison(this.#children, request, sink, tag, this.#countRepair).start(asked, now);
      return;
    }
    const stamped = this.#stamp(request);
    if (stamped === undefined) this.#majority.start(request, sink, tag, now);
    else if (request.command === COMMANDS.ms) this.#majority.start(stamped, sink, tag, now);
    else this.#majority.start(stamped, new AsText(sink), tag, now);
  }

  #stamp(request: Request): Request | undefined {
    const { command } = request;
    if (command === COMMANDS.ms) {
      const isSet = !request.hasFlag("M") || /^M[Ss]?$/.test(request.tokens()[flagIndex(request, "M")] ?? "M");
      if (!isSet || request.hasFlag("C") || request.hasFlag("E") || request.hasFlag("I")) return undefined;
      return withLine(request, `${text(request.bytes, request.start, request.lineEnd)} E${this.#clock.next()}`);
    }
    if (command !== COMMANDS.set) return undefined;
    const [, key, flags, time] = request.tokens();
    if (!/^\d+$/.test(flags ?? "") || !/^-?\d+$/.test(time ?? "")) return undefined;
    return withLine(request, `ms ${key} ${request.valueLength - 2} F${flags} T${time} E${this.#clock.next()}`);
  }
}

/** Turns the answer to `ms` into that to `set`. */
class AsText implements ResponseSink {
  readonly #sink: ResponseSink;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  handleResponse(response: Response | undefined, tag: number, now: Instant): void {
    this.#sink.handleResponse(response?.ok === true && response.code === CODES.ok ? STORED : response, tag, now);
  }
}

/** The read that also returns the version; undefined if the request is no read that can be compared. */
function comparable(request: Request): Request | undefined {
  const line = text(request.bytes, request.start, request.lineEnd);
  switch (request.command) {
    case COMMANDS.mg:
      // What changes the item, or hands out a token to one of several askers, must not be asked twice.
      if (["N", "R", "E", "T"].some((flag) => request.hasFlag(flag))) return undefined;
      return request.hasFlag("c") ? request : withLine(request, `${line} c`);
    case COMMANDS.gets:
      return request;
    case COMMANDS.get:
      return withLine(request, line.replace(/^( *)get /, "$1gets "));
    default:
      return undefined;
  }
}

/** The version in an answer; 0 if it has none. */
function versionOf(response: Response | undefined): number {
  if (qualityOf(response) !== "good") return 0;
  const { line, type } = response!;
  return Number((type === "get" ? /^VALUE \S+ \d+ \d+ (\d+)/ : / c(\d+)/).exec(line)?.[1] ?? 0);
}

/** One read of all replicas. */
class Comparison implements ResponseSink {
  readonly #children: readonly Route[];
  readonly #request: Request;
  readonly #sink: ResponseSink;
  readonly #tag: number;
  readonly #countRepair: () => void;
  readonly #responses: (Response | undefined)[];
  readonly #needed: number;
  #waiting: number;
  #valid = 0;
  #isAnswered = false;

  constructor(children: readonly Route[], request: Request, sink: ResponseSink, tag: number, countRepair: () => void) {
    this.#children = children;
    this.#request = request;
    this.#sink = sink;
    this.#tag = tag;
    this.#countRepair = countRepair;
    this.#responses = new Array<Response | undefined>(children.length).fill(undefined);
    this.#waiting = children.length;
    this.#needed = Math.floor(children.length / 2) + 1;
  }

  start(asked: Request, now: Instant): void {
    for (let i = 0; i < this.#children.length; i += 1) this.#children[i]!.start(asked, this, i, now);
  }

  handleResponse(response: Response | undefined, index: number, now: Instant): void {
    this.#responses[index] = response;
    this.#waiting -= 1;
    if (qualityOf(response) !== "error") this.#valid += 1;
    if (!this.#isAnswered && (this.#valid === this.#needed || this.#waiting === 0)) this.#answer(now);
    if (this.#waiting === 0) this.#repair(now);
  }

  #answer(now: Instant): void {
    this.#isAnswered = true;
    this.#sink.handleResponse(this.#choose(), this.#tag, now);
  }

  #choose(): Response | undefined {
    if (this.#valid < this.#needed)
      return this.#responses.find((each) => qualityOf(each) === "error") ?? BACKEND_FAILURE;
    const newest = this.#responses[this.#newest()];
    if (newest === undefined || qualityOf(newest) !== "good") {
      return this.#responses.find((each) => qualityOf(each) === "ok");
    }
    return withoutVersion(newest, this.#request);
  }

  /** The index of the newest copy; of equal ones, the first. */
  #newest(): number {
    let best = 0;
    for (let i = 1; i < this.#responses.length; i += 1) {
      const [candidate, current] = [this.#responses[i], this.#responses[best]];
      const isBetter = qualityOf(current) !== "good" || versionOf(candidate) > versionOf(current);
      if (qualityOf(candidate) === "good" && isBetter) best = i;
    }
    return best;
  }

  /** Copies the newest item to replicas that have an older one or none, if it is stamped. */
  #repair(now: Instant): void {
    const newest = this.#newest();
    const version = versionOf(this.#responses[newest]);
    if (version < FIRST_STAMP) return;
    const behind = this.#responses.flatMap((response, i) => {
      const theirs = versionOf(response);
      const isUnstamped = qualityOf(response) === "good" && theirs < FIRST_STAMP;
      if (qualityOf(response) === "error" || theirs >= version || isUnstamped) return [];
      // Only if nobody has written meanwhile: the copy that was seen is still there, or still none.
      return [{ child: this.#children[i]!, condition: theirs === 0 ? "ME" : `C${theirs}` }];
    });
    if (behind.length === 0) return;
    const isEncoded = this.#request.kind === "meta" && this.#request.hasFlag("b") ? " b" : "";
    const fetch = parseRequestText(`mg ${this.#request.key} v c t f${isEncoded}`)!;
    const repair: ResponseSink = {
      handleResponse: (response, _tag, at) => {
        for (const { child, condition } of behind) {
          const copy = copyOf(response, this.#request.key, `${condition}${isEncoded}`);
          if (copy === undefined) return;
          this.#countRepair();
          child.start(copy, IGNORED, 0, at);
        }
      },
    };
    this.#children[newest]!.start(fetch, repair, 0, now);
  }
}

/** The write that makes a copy of a fetched item: the same value, flags, time to live and version. */
function copyOf(response: Response | undefined, key: string, more: string): Request | undefined {
  const version = versionOf(response);
  if (version < FIRST_STAMP) return undefined;
  const { line, bytes, lineEnd, valueLength } = response!;
  const [, flags] = / f(\d+)/.exec(line) ?? [];
  const [, time] = / t(-?\d+)/.exec(line) ?? [];
  if (flags === undefined || time === undefined) return undefined;
  const ttl = time === "-1" ? "" : ` T${time}`;
  const head = latin1(`ms ${key} ${valueLength} F${flags}${ttl} E${version} ${more}\r\n`);
  const request = parseRequest(head, 0, head.length);
  if (request === undefined) return undefined;
  request.value = bytes.slice(lineEnd + 2, lineEnd + 2 + valueLength + 2);
  return request;
}

/** The answer as it would be if the version had not been asked for. */
function withoutVersion(response: Response, request: Request): Response {
  if (request.command === COMMANDS.gets || (request.command === COMMANDS.mg && request.hasFlag("c"))) return response;
  const { line, bytes, lineEnd, end } = response;
  const bare = request.command === COMMANDS.get ? line.replace(/ \d+$/, "") : line.replace(/ c\d+/, "");
  const head = latin1(bare);
  const whole = new Uint8Array(head.length + end - lineEnd);
  whole.set(head);
  whole.set(bytes.subarray(lineEnd, end), head.length);
  return new Response(response.type, response.code, whole, 0, whole.length, head.length, response.valueLength);
}
