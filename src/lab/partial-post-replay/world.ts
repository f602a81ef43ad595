/**
 * Uploads through a proxy while its origins restart one after the other, in steps of virtual time. Bytes flow as a fluid: links share their
 * rate fairly, and there is no overhead. What comes back is counted by the proxy's own `HandbackCount`.
 */

import { SeededRng, uniform } from "../../base/rng.ts";
import { HandbackCount } from "../../http/index.ts";
import { share } from "./share.ts";

/** Sizes are in bytes, times in seconds, rates in bytes per second. */
export interface Rolling {
  readonly seed: number;
  /** True if a closing origin hands back what it has. */
  readonly handsBack: boolean;
  readonly clients: number;
  readonly size: number;
  /** Of each client. */
  readonly clientRate: number;
  readonly origins: number;
  /** Of each origin's link with the proxy, in each direction. */
  readonly linkRate: number;
  /** Between two restarts. */
  readonly pause: number;
  /** What a closing origin waits for requests in progress. */
  readonly grace: number;
}

export interface Outcome {
  readonly failed: number;
  /** Still going on after an hour. */
  readonly unfinished: number;
  readonly restarts: number;
  /** When the last upload ended. */
  readonly seconds: number;
  /** Bytes over the links of the origins, for each byte of the uploads. */
  readonly carried: number;
  /** Bytes that came back. */
  readonly returned: number;
  /** Bytes of them that went to another origin. */
  readonly replayed: number;
}

const STEP = 0.01;
const BOOT = 1;
const LIMIT = 3_600;

/** One handback in progress, from the origin that closes. */
interface Handback {
  readonly from: Origin;
  /** In whole bytes. */
  readonly count: HandbackCount;
}

interface Upload {
  readonly start: number;
  /** Undefined while no origin is up. */
  origin: Origin | undefined;
  /** What the client has sent. */
  sent: number;
  /** What the current origin has. */
  arrived: number;
  /** The first has the content that is replayed. */
  handbacks: Handback[];
  end: number | undefined;
  isFailed: boolean;
}

class Origin {
  state: "up" | "closing" | "down" = "up";
  /** When closing or down ends. */
  until = 0;
}

/** Whole bytes, so that counts are exact. */
const whole = (bytes: number): number => Math.floor(bytes);

export class RollingWorld {
  readonly #options: Rolling;
  readonly #origins: readonly Origin[];
  readonly #uploads: readonly Upload[];
  #now = 0;
  #restarts = 0;
  #next = 0;
  #nextRestart: number | undefined;
  #carried = 0;
  #returned = 0;
  #replayed = 0;

  constructor(options: Rolling) {
    const rng = new SeededRng(options.seed);
    this.#options = options;
    this.#origins = Array.from({ length: options.origins }, () => new Origin());
    this.#nextRestart = options.pause;
    this.#uploads = Array.from({ length: options.clients }, () => ({
      start: uniform(rng),
      origin: undefined,
      sent: 0,
      arrived: 0,
      handbacks: [],
      end: undefined,
      isFailed: false,
    }));
  }

  run(): Outcome {
    while (this.#now < LIMIT && this.#uploads.some(({ end }) => end === undefined)) this.#step();
    const { clients, size } = this.#options;
    return {
      failed: this.#uploads.filter(({ isFailed }) => isFailed).length,
      unfinished: this.#uploads.filter(({ end }) => end === undefined).length,
      restarts: this.#restarts,
      seconds: Math.max(...this.#uploads.map(({ end }) => end ?? LIMIT)),
      carried: this.#carried / (clients * size),
      returned: this.#returned,
      replayed: this.#replayed,
    };
  }

  #step(): void {
    this.#now += STEP;
    this.#restart();
    const going = this.#uploads.filter((each) => each.end === undefined && each.start <= this.#now);
    for (const upload of going) upload.origin ??= this.#choose(going);
    for (const origin of this.#origins) {
      this.#bringBack(origin, going);
      this.#forward(origin, going);
    }
    for (const upload of going) {
      // The response follows the last byte.
      const isBack = upload.handbacks.every(({ count }) => count.isComplete);
      if (upload.arrived === this.#options.size && isBack) this.#finish(upload, false);
    }
  }

  #choose(going: readonly Upload[]): Origin | undefined {
    const load = (origin: Origin): number => going.filter((each) => each.origin === origin).length;
    const up = this.#origins.filter(({ state }) => state === "up");
    return up.reduce<Origin | undefined>((best, each) => (best && load(best) <= load(each) ? best : each), undefined);
  }

  #finish(upload: Upload, isFailed: boolean): void {
    upload.end = this.#now;
    upload.isFailed = isFailed;
    upload.handbacks = [];
    upload.origin = undefined;
  }

  #restart(): void {
    const { pause, grace } = this.#options;
    const origin = this.#origins[this.#next]!;
    if (this.#nextRestart !== undefined && this.#now >= this.#nextRestart) {
      this.#nextRestart = undefined;
      origin.state = "closing";
      origin.until = this.#now + grace;
      if (this.#options.handsBack) this.#handBack(origin);
    }
    if (origin.state === "closing") {
      const isBusy = this.#uploads.some(
        (each) => each.origin === origin || each.handbacks.some(({ from }) => from === origin),
      );
      if (isBusy && this.#now < origin.until) return;
      this.#cut(origin);
      origin.state = "down";
      origin.until = this.#now + BOOT;
    } else if (origin.state === "down" && this.#now >= origin.until) {
      origin.state = "up";
      this.#restarts += 1;
      this.#next = (this.#next + 1) % this.#origins.length;
      this.#nextRestart = this.#now + pause;
    }
  }

  #handBack(origin: Origin): void {
    for (const upload of this.#uploads) {
      if (upload.origin !== origin || upload.end !== undefined) continue;
      upload.handbacks.push({ from: origin, count: new HandbackCount(upload.arrived) });
      upload.origin = undefined;
      upload.arrived = 0;
    }
  }

  /** What is not back when an origin ends is lost. */
  #cut(origin: Origin): void {
    for (const upload of this.#uploads) {
      if (upload.end !== undefined) continue;
      if (upload.origin === origin || upload.handbacks.some(({ from, count }) => from === origin && !count.isComplete))
        this.#finish(upload, true);
    }
  }

  #bringBack(origin: Origin, going: readonly Upload[]): void {
    const coming = going.flatMap(({ handbacks }) =>
      handbacks.filter(({ from, count }) => from === origin && !count.isComplete),
    );
    const shares = share(
      coming.map(({ count }) => count.expected - count.returned),
      this.#options.linkRate * STEP,
    );
    coming.forEach(({ count }, index) => {
      const bytes = whole(shares[index]!);
      count.take(bytes);
      this.#returned += bytes;
      this.#carried += bytes;
    });
    // Only what is replayed is still needed.
    for (const upload of going) {
      upload.handbacks = upload.handbacks.filter(
        (each, index) => !each.count.isComplete || (index === 0 && upload.arrived < each.count.expected),
      );
    }
  }

  #forward(origin: Origin, going: readonly Upload[]): void {
    const { clientRate, size, linkRate } = this.#options;
    const here = going.filter((each) => each.origin === origin);
    const wanted = here.map(({ sent, arrived, handbacks: [first] }) => {
      // What has come back goes first. The client waits meanwhile: the proxy takes no more than it can pass on.
      if (first !== undefined && arrived < sent) return Math.min(first.count.returned, sent) - arrived;
      return Math.min(clientRate * STEP, size - sent);
    });
    const shares = share(wanted, linkRate * STEP);
    here.forEach((upload, index) => {
      const bytes = whole(shares[index]!);
      const isReplay = upload.arrived < upload.sent;
      upload.arrived += bytes;
      this.#carried += bytes;
      if (isReplay) this.#replayed += bytes;
      else upload.sent = upload.arrived;
    });
  }
}
