/** Answers, remembered for their time to live (RFC 1035 §7.4), negative ones too (RFC 2308), in bounded memory. */

import { after, type Instant, type Micros, seconds, since, toSeconds } from "../../base/time.ts";
import type { ResourceRecord } from "../message.ts";
import { nameKey } from "../name.ts";

export type Remembered =
  /** With the remaining times to live. */
  | { readonly kind: "records"; readonly name: string; readonly records: readonly ResourceRecord[] }
  | { readonly kind: "none"; readonly why: "no-data" | "no-name" };

interface Entry {
  readonly remembered: Remembered;
  readonly stored: Instant;
  readonly expires: Instant;
}

const MAX_ENTRIES = 2_000;
/** Larger answers are not remembered. */
const MAX_RECORDS = 100;
/** RFC 2181 §8 allows any cap; RFC 8767 §4 suggests days. */
const MAX_TTL = 86_400;
/** RFC 2308 §5: one to three hours. */
const MAX_NEGATIVE_TTL = 3 * 3_600;
/** RFC 8767 §5: how long an expired answer may serve if no server responds. */
const STALE_FOR = seconds(86_400);
/** RFC 8767 §4: the time to live of stale records, in seconds. */
const STALE_TTL = 30;

export class AnswerCache {
  /** The least recently used is first. */
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  find(name: string, type: number, now: Instant): Remembered | undefined {
    const key = entryKey(name, type);
    const entry = this.#entries.get(key);
    if (entry === undefined || now >= entry.expires) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const { remembered } = entry;
    if (remembered.kind === "none") return remembered;
    const age = Math.floor(toSeconds(since(entry.stored, now)));
    return { ...remembered, records: remembered.records.map((each) => ({ ...each, ttl: each.ttl - age })) };
  }

  /** An expired answer with records, for when no server responds (RFC 8767). */
  findStale(name: string, type: number, now: Instant): Remembered | undefined {
    const entry = this.#entries.get(entryKey(name, type));
    if (entry?.remembered.kind !== "records" || now >= after(entry.expires, STALE_FOR)) return undefined;
    const { remembered } = entry;
    return { ...remembered, records: remembered.records.map((each) => ({ ...each, ttl: STALE_TTL })) };
  }

  /** `ttl` is that of the whole answer, in seconds. An answer with 0 is not remembered. */
  store(name: string, type: number, remembered: Remembered, ttl: number, now: Instant): void {
    const key = entryKey(name, type);
    this.#entries.delete(key);
    const limit = Math.min(ttl, remembered.kind === "records" ? MAX_TTL : MAX_NEGATIVE_TTL);
    if (limit <= 0 || (remembered.kind === "records" && remembered.records.length > MAX_RECORDS)) return;
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(key, { remembered, stored: now, expires: after(now, seconds(limit) as Micros) });
  }

  clear(): void {
    this.#entries.clear();
  }
}

const entryKey = (name: string, type: number): string => `${nameKey(name)} ${type}`;
