// Connections that are opened before the first request for them, within a budget, and closed if none comes.
import { hintedOrigins, linkedOrigins } from "../agent/index.ts";
import type { Field, Session } from "../host/client/session.ts";
import type { HostClock, HostTimer } from "../host/clock.ts";
import { guard, ignore } from "../host/guard.ts";
import { combinedFieldValue, parseLinks } from "../http/index.ts";
import type { Waiter } from "./waiter.ts";

/** Connections that wait for their first request, at most. */
const MAX_WAITING = 6;
/** Hosts that hints of one client may name, ever. */
const MAX_HINTED = 256;
/** Milliseconds until an unused connection is closed. */
const UNUSED = 10_000;

/** An origin to connect to. */
interface Place {
  /** True without connections, attempts and requests. */
  readonly idle: boolean;
  enqueue(waiter: Waiter): void;
}

export class Preconnects {
  readonly #origin: (url: URL) => Place;
  readonly #clock: HostClock;
  /** By origin: those that are connecting, and those that no request has used. */
  readonly #waiting = new Map<string, HostTimer | undefined>();

  /** Hosts that hints have named. */
  readonly #hinted = new Set<string>();

  constructor(origin: (url: URL) => Place, clock: HostClock) {
    this.#origin = origin;
    this.#clock = clock;
  }

  /** The head of a response, or of a 103. */
  handleFields(page: URL, fields: readonly Field[]): void {
    const field = combinedFieldValue(fields, "link");
    if (field === undefined) return;
    const parse = (target: string): URL | undefined =>
      URL.canParse(target, page.href) ? new URL(target, page.href) : undefined;
    for (const origin of linkedOrigins(page, parseLinks(field), parse)) this.open(new URL(origin));
  }

  /** The `preconnectHint` of an HTTPS record. */
  handleHint(host: string, names: readonly string[]): void {
    // What a hint named is not followed further.
    if (this.#hinted.has(host)) return;
    for (const origin of hintedOrigins(host, names)) {
      if (!URL.canParse(origin)) continue;
      const url = new URL(origin);
      if (this.#hinted.size < MAX_HINTED) this.#hinted.add(url.hostname);
      if (this.#hinted.has(url.hostname)) this.open(url);
    }
  }

  /** Opens a connection unless there is one, or too many wait already. Failures stay unnoticed: a request will meet them. */
  open(url: URL): void {
    const { origin: key } = url;
    if (this.#waiting.has(key) || this.#waiting.size >= MAX_WAITING) return;
    const origin = this.#origin(url);
    if (!origin.idle) return;
    this.#waiting.set(key, undefined);
    const waiter: Waiter = {
      isPreconnect: true,
      start: (session) => this.#handleOpen(key, session),
      fail: () => void this.#waiting.delete(key),
    };
    origin.enqueue(waiter);
  }

  #handleOpen(key: string, session: Session): void {
    const close = guard("client preconnect unused", ignore, () => {
      this.#waiting.delete(key);
      if (session.stats().requests === 0) void session.close();
    });
    this.#waiting.set(key, this.#clock.startTimer(close, UNUSED));
    (this.#waiting.get(key) as { unref?: () => void } | undefined)?.unref?.();
  }

  close(): void {
    for (const timer of this.#waiting.values()) this.#clock.stopTimer(timer);
    this.#waiting.clear();
  }
}
