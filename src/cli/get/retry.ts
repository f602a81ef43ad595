// --retry: new attempts after transient failures, with growing pauses or those that the server requests.

import { setTimeout as sleep } from "node:timers/promises";
import { LONGEST_TIMEOUT } from "../../host/timer.ts";
import { printable } from "../../wire/printable.ts";
import { exitCodeOf } from "../fail.ts";
import type { Io } from "../io.ts";
import { CURL } from "./exit-codes.ts";
import type { GetFlags } from "./flags.ts";

const TRANSIENT_STATUS = new Set([408, 429, 500, 502, 503, 504]);
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 600_000;

/** A finished attempt. */
export interface FinishedAttempt {
  readonly error: unknown;
  readonly response: Response | undefined;
  /** True if another attempt can send the same request. */
  readonly replayable: boolean;
}

export class Retries {
  readonly #flags: GetFlags;
  readonly #io: Io;
  readonly #start = performance.now();
  #left: number;
  #pause = FIRST_PAUSE;

  constructor(flags: GetFlags, io: Io) {
    this.#flags = flags;
    this.#io = io;
    this.#left = flags.retry ?? 0;
  }

  /** Returns true, after the pause, if there should be another attempt. */
  async shouldRetry(attempt: FinishedAttempt, signal: AbortSignal): Promise<boolean> {
    const { retryDelay = 0, retryMaxTime = 0, silent } = this.#flags;
    if (this.#left === 0 || !attempt.replayable) return false;
    const because = this.#reason(attempt);
    if (because === undefined) return false;
    const requested = retryAfter(attempt.response);
    const pause = requested ?? (retryDelay > 0 ? Math.min(retryDelay * 1000, LONGEST_TIMEOUT) : this.#pause);
    if (retryMaxTime > 0 && performance.now() - this.#start + pause > retryMaxTime * 1000) return false;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    this.#left -= 1;
    if (!silent) {
      const left = `${this.#left} attempts left after that`;
      this.#io.stderr.write(`${printable(`nagare: ${because}; retrying in ${pause / 1000} s (${left})`)}\n`);
    }
    await sleep(pause, undefined, { signal });
    return true;
  }

  #reason({ error, response }: FinishedAttempt): string | undefined {
    const { retryAllErrors, retryConnrefused } = this.#flags;
    const code = error === undefined ? 0 : exitCodeOf(error);
    if (response !== undefined && TRANSIENT_STATUS.has(response.status)) return `status ${response.status}`;
    const transient =
      code === CURL.timeout || code === CURL.nameNotFound || (retryConnrefused && code === CURL.connectFailed);
    if (!transient && !(retryAllErrors && code !== 0)) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}

/** RFC 9110 §10.2.3, in milliseconds. */
function retryAfter(response: Response | undefined): number | undefined {
  const value = response?.headers.get("retry-after") ?? undefined;
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_PAUSE);
  const until = Date.parse(value) - Date.now();
  return Number.isNaN(until) ? undefined : Math.min(Math.max(0, until), LONGEST_PAUSE);
}
