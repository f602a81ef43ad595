/**
 * Path validation of one route (RFC 9000 §8.2): sends PATH_CHALLENGE frames until one is answered, for at most three probe
 * timeouts. A response proves that the peer receives at the route's address.
 */

import type { Rng } from "../../base/rng.ts";
import { randomBytes } from "../../base/rng.ts";
import { after, earliest, type Instant, type Micros, micros } from "../../base/time.ts";
import { equalBytes } from "../../wire/text.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitPathChallenge } from "../frame/index.ts";

/** The interval doubles, so fewer are sent within three probe timeouts. */
const MAX_OUTSTANDING = 16;

interface Challenge {
  readonly data: Uint8Array;
  /** True if it was sent in a datagram of 1200 bytes, which every path must carry. */
  readonly isFullSize: boolean;
}

const NONE: readonly Challenge[] = [];

export class PathChallenges {
  #outstanding: readonly Challenge[] = NONE;
  #isPending = false;
  #repeatAt: Instant | undefined;
  #wait: Micros = micros(0);
  #failsAt: Instant | undefined;

  /** True if a PATH_CHALLENGE must be sent. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** True if validation has started and has neither succeeded nor failed. */
  get isRunning(): boolean {
    return this.#failsAt !== undefined;
  }

  /** `longest` is the larger of `pto` and the PTO of a route without RTT samples (RFC 9000 §8.2.4). */
  begin(pto: Micros, longest: Micros, now: Instant): void {
    this.#outstanding = NONE;
    this.#isPending = true;
    this.#wait = pto;
    this.#repeatAt = after(now, pto);
    this.#failsAt = after(now, micros(3 * longest));
  }

  /** Writes a challenge with fresh data (RFC 9000 §8.2.1). */
  writeFrame(writer: Writer, rng: Rng, isFullSize: boolean): void {
    const data = randomBytes(rng, 8);
    this.#outstanding = this.#outstanding.slice(1 - MAX_OUTSTANDING).concat({ data, isFullSize });
    this.#isPending = false;
    emitPathChallenge(writer, data);
  }

  /** The challenge that a PATH_RESPONSE answers; the response may arrive on any route (RFC 9000 §8.2.3). */
  handleResponse(data: Uint8Array): Challenge | undefined {
    const answered = this.#outstanding.find((challenge) => equalBytes(challenge.data, data));
    if (answered !== undefined) this.#end();
    return answered;
  }

  get deadline(): Instant | undefined {
    return earliest(this.#repeatAt, this.#failsAt);
  }

  /** True if validation has just failed. */
  handleTimeout(now: Instant): boolean {
    if (this.#failsAt === undefined) return false;
    if (now >= this.#failsAt) {
      this.#end();
      return true;
    }
    if (now >= this.#repeatAt!) {
      this.#isPending = true;
      this.#wait = micros(2 * this.#wait);
      this.#repeatAt = after(now, this.#wait);
    }
    return false;
  }

  #end(): void {
    this.#outstanding = NONE;
    this.#isPending = false;
    this.#repeatAt = undefined;
    this.#failsAt = undefined;
  }
}
