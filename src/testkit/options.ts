/** The options of `simulate`, checked before anything runs. */

import { type Instant, millis } from "../base/time.ts";
import type { ClientOptions } from "../client/index.ts";
import type { FetchObject, Handler } from "../edge/index.ts";
import { asHandler } from "../edge/module.ts";
import { type QlogOptions, type QlogSettings, qlogSettings } from "../host/qlog/options.ts";
import type { LinkOptions } from "../sim/link.ts";
import { SimulateError } from "./errors.ts";
import type { Kit } from "./kit.ts";

/** One direction of the link. Durations are in milliseconds, probabilities in [0, 1]. */
export interface SimulatedDirection {
  /** The probability that a datagram is lost; 0 by default. */
  readonly loss?: number;
  /** At most this many consecutive datagrams are lost at random. */
  readonly maxLossBurst?: number;
  /** Bits per second, including IP and UDP headers; unlimited by default. */
  readonly rate?: number;
  /** The maximum number of packets that wait for the transmitter; 25 by default. Only with a rate. */
  readonly queue?: number;
  /** The probability that a datagram is held back by up to `reorderDelay`, so that later ones overtake it. */
  readonly reordering?: number;
  /** 10 ms by default. */
  readonly reorderDelay?: number;
  /** The probability that a datagram is duplicated. */
  readonly duplication?: number;
  /** The probability that one bit of a datagram is flipped. */
  readonly corruption?: number;
  /** The largest IP packet; 1500 by default. */
  readonly mtu?: number;
  /** Nothing passes between the two times of each pair. */
  readonly outages?: readonly (readonly [from: number, to: number])[];
}

export interface SimulatedLink extends SimulatedDirection {
  /** The round-trip time without queueing; 20 ms by default. */
  readonly rtt?: number;
  /** Overrides for the direction from client to server. */
  readonly up?: SimulatedDirection;
  /** Overrides for the direction from server to client. */
  readonly down?: SimulatedDirection;
}

/** What every simulation needs besides its application. */
export interface CommonOptions {
  /** Determines losses and all random numbers of the protocols. An integer below 2^32; 1 by default. */
  readonly seed?: number;
  readonly link?: SimulatedLink;
  /** The cryptography engine: node:crypto (default) or JavaScript. The digest is the same. */
  readonly engine?: "portable" | "pure";
  /** The server's origin, an https URL; "https://server.test" by default. */
  readonly origin?: string;
  /** The date when the simulation starts; 2026-01-01 by default. */
  readonly startTime?: Date;
  /** The simulation fails after this many milliseconds of virtual time; 600,000 by default. */
  readonly maxVirtualTime?: number;
  /** The time limit for work marked with `kit.real`, in milliseconds of real time; 10,000 by default. */
  readonly realTimeout?: number;
  /**
   * During the simulation, `setTimeout`, `setInterval`, `Date` and `performance.now` of the global object are virtual
   * for its own code.
   */
  readonly virtualGlobals?: boolean;
  /**
   * Records the connections in qlog: the folder for the files, or options. They are written when the simulation has ended,
   * even if it has failed.
   */
  readonly qlog?: string | Omit<QlogOptions, "file" | "maxFolderSize"> | undefined;
  /** Timeouts of the client, in virtual time. */
  readonly client?: Pick<ClientOptions, "connectTimeout" | "headersTimeout" | "bodyTimeout" | "userAgent">;
  /** As for `serve`. */
  readonly onError?: (error: unknown) => Response | Promise<Response>;
  readonly nativeRequest?: boolean;
  readonly log?: (line: string) => void;
}

/** The application under test: a handler as for `serve`, or created with the kit. */
export type SimulateOptions = CommonOptions &
  (
    | { readonly handler: Handler | FetchObject; readonly createHandler?: never }
    | { readonly createHandler: (kit: Kit) => Handler | FetchObject; readonly handler?: never }
  );

export interface Settings {
  readonly seed: number;
  readonly up: LinkOptions;
  readonly down: LinkOptions;
  readonly engine: "portable" | "pure";
  readonly origin: URL;
  readonly startTime: number;
  readonly limit: Instant;
  readonly realTimeout: number;
  readonly qlog: QlogSettings | undefined;
}

const invalid = (message: string): SimulateError => new SimulateError("OPTION_INVALID", undefined, message);

type Check = (value: unknown) => string | undefined;

const number =
  (what: string, isValid: (value: number) => boolean): Check =>
  (value) =>
    typeof value === "number" && isValid(value) ? undefined : `must be ${what}`;
const probability = number("a probability from 0 to 1", (value) => value >= 0 && value <= 1);
const duration = number("milliseconds, 0 or more", (value) => value >= 0 && Number.isFinite(value));
const count = number("a whole number, 0 or more", (value) => value >= 0 && Number.isInteger(value));

const DIRECTION: Readonly<Record<keyof SimulatedDirection, Check>> = {
  loss: probability,
  maxLossBurst: count,
  rate: number("bits per second, more than 0", (value) => value > 0 && Number.isFinite(value)),
  queue: count,
  reordering: probability,
  reorderDelay: duration,
  duplication: probability,
  corruption: probability,
  // RFC 9000 §14: a path must carry datagrams of 1200 bytes.
  mtu: number("1228 bytes or more", (value) => value >= 1228 && Number.isInteger(value)),
  outages: (value) =>
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((at) => duration(at) === undefined))
      ? undefined
      : "must be pairs of milliseconds",
};

function checkDirection(value: unknown, where: string, others: readonly string[]): void {
  if (typeof value !== "object" || value === null) throw invalid(`${where} must be an object`);
  for (const [name, given] of Object.entries(value)) {
    if (given === undefined || others.includes(name)) continue;
    const check = Object.hasOwn(DIRECTION, name) ? DIRECTION[name as keyof SimulatedDirection] : undefined;
    if (check === undefined) {
      throw invalid(
        `${where}.${name} is unknown; the options are ${[...others, ...Object.keys(DIRECTION)].join(", ")}`,
      );
    }
    const wrong = check(given);
    if (wrong !== undefined) throw invalid(`${where}.${name} ${wrong}, not ${String(given)}`);
  }
}

function linkOptions({ outages, reorderDelay, ...same }: SimulatedDirection, rtt: number): LinkOptions {
  return {
    ...same,
    delay: millis(rtt / 2),
    ...(reorderDelay === undefined ? {} : { reorderDelay: millis(reorderDelay) }),
    ...(outages === undefined
      ? {}
      : {
          blackhole: {
            intervals: outages.map(([from, to]) => [
              millis(from) as number as Instant,
              millis(to) as number as Instant,
            ]),
          },
        }),
  };
}

function checkOrigin(origin: unknown): URL {
  if (typeof origin !== "string" || !URL.canParse(origin)) throw invalid(`origin must be a URL, not ${String(origin)}`);
  const url = new URL(origin);
  if (url.protocol !== "https:" || url.href !== `${url.origin}/`) {
    throw invalid(`origin must be https://name or https://name:port, not ${origin}`);
  }
  return url;
}

/** Throws a SimulateError with OPTION_INVALID. */
export function checkOptions(options: SimulateOptions): Settings {
  if (typeof options !== "object" || options === null) throw invalid("simulate needs options: { seed, link, handler }");
  const { link = {}, seed = 1, engine = "portable", origin = "https://server.test" } = options;
  const { maxVirtualTime = 600_000, realTimeout = 10_000, startTime = new Date("2026-01-01T00:00:00Z") } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) {
    throw invalid(`seed must be a whole number from 0 to 4294967295, not ${seed}`);
  }
  if (engine !== "portable" && engine !== "pure") throw invalid(`engine must be "portable" or "pure", not ${engine}`);
  if (!(startTime instanceof Date) || Number.isNaN(startTime.getTime()))
    throw invalid("startTime must be a valid Date");
  for (const [name, value] of Object.entries({ maxVirtualTime, realTimeout })) {
    const wrong = duration(value);
    if (wrong !== undefined) throw invalid(`${name} ${wrong}, not ${value}`);
  }
  checkDirection(link, "link", ["rtt", "up", "down"]);
  const { rtt = 20, up = {}, down = {}, ...both } = link;
  const wrong = duration(rtt);
  if (wrong !== undefined) throw invalid(`link.rtt ${wrong}, not ${rtt}`);
  checkDirection(up, "link.up", []);
  checkDirection(down, "link.down", []);
  if ((options.handler === undefined) === (options.createHandler === undefined)) {
    throw invalid("simulate needs either a handler or createHandler");
  }
  if (options.createHandler !== undefined && typeof options.createHandler !== "function") {
    throw invalid("createHandler must be a function from the kit to a handler");
  }
  return {
    seed,
    up: linkOptions({ ...both, ...up }, rtt),
    down: linkOptions({ ...both, ...down }, rtt),
    engine,
    origin: checkOrigin(origin),
    startTime: startTime.getTime(),
    limit: millis(maxVirtualTime) as number as Instant,
    realTimeout,
    qlog: options.qlog === undefined ? undefined : checkQlog(options.qlog, options.log),
  };
}

function checkQlog(options: string | QlogOptions, log: SimulateOptions["log"]): QlogSettings {
  try {
    const settings = qlogSettings(options, log);
    if (settings.target.type === "folder") return settings;
  } catch (error) {
    throw invalid((error as Error).message);
  }
  throw invalid("a simulation records into a directory, not into a file");
}

export function checkHandler(value: unknown): Handler {
  const handler = asHandler(value);
  if (handler === undefined)
    throw invalid("the handler must be a function from Request to Response, or have a fetch method");
  return handler;
}
