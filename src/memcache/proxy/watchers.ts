/** Clients that watch: each has topics, and receives a line for every event of theirs. */

import type { LoggedRequest } from "../config/environment.ts";
import { ERRORS } from "../protocol/errors.ts";
import { latin1 } from "../protocol/request.ts";
import type { ResponseType } from "../protocol/response.ts";
import { qualityOf } from "../route/route.ts";
import type { ClientSession } from "./session.ts";

const TOPICS = ["proxyevents", "proxyuser", "proxyreqs"] as const;
export type Topic = (typeof TOPICS)[number];

const MAX_WATCHERS = 20;
/** memcached's words for how good a response is, and its numbers for types. */
const QUALITIES = { good: "good", ok: "ok", error: "any" } as const;
const TYPES: Readonly<Record<ResponseType, number>> = {
  failure: 99,
  get: 100,
  meta: 101,
  error: 103,
  generic: 104,
  end: 105,
  version: 106,
  numeric: 107,
};
const OK = latin1("OK\r\n");

export class Watchers {
  readonly #watchers = new Map<ClientSession, ReadonlySet<string>>();
  /** Seconds since 1970. */
  readonly #time: () => number;
  #events = 0;

  constructor(time: () => number) {
    this.#time = time;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** The answer to `watch` with these topics. */
  add(session: ClientSession, topics: readonly string[]): Uint8Array {
    if (topics.some((topic) => !(TOPICS as readonly string[]).includes(topic))) return ERRORS.unknown;
    if (this.#watchers.size >= MAX_WATCHERS) return latin1("WATCHER_TOO_MANY log watchers are already running\r\n");
    const earlier = this.#watchers.get(session) ?? [];
    this.#watchers.set(session, new Set([...earlier, ...(topics.length === 0 ? ["proxyevents"] : topics)]));
    return OK;
  }

  delete(session: ClientSession): void {
    this.#watchers.delete(session);
  }

  /** Sends an event, written as fields after its type. */
  emit(topic: Topic, type: string, fields: string): void {
    if (this.#watchers.size === 0) return;
    this.#events += 1;
    const line = latin1(`ts=${this.#time().toFixed(6)} gid=${this.#events} type=${type} ${fields}\n`);
    for (const [watcher, topics] of this.#watchers) {
      // A watcher that does not read misses events.
      if (topics.has(topic) && !watcher.isFull) watcher.push(line);
    }
  }

  /** Words of handlers. */
  readonly log = {
    user: (text: string): void => this.emit("proxyuser", "proxy_user", `msg=${text}`),
    error: (text: string): void => this.emit("proxyevents", "proxy_error", `msg=${text}`),
    request: ({ elapsed, response, backend, client, detail, line }: LoggedRequest): void => {
      const quality = QUALITIES[qualityOf(response)];
      const type = response === undefined ? 0 : TYPES[response.type];
      const what = `elapsed=${elapsed} type=${type} code=${response?.code ?? 0} status=${response?.ok ? 0 : -1}`;
      const where = `res=${quality} cfd=${client} be=${backend}`;
      this.emit("proxyreqs", "proxy_req", `${what} ${where} detail=${detail} req=${line}`);
    },
  };
}
