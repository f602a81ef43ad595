/** The changes of a jar since it was saved, and how they are united with what others saved meanwhile. */

import { type Cookie, type CookieChange, type CookieStore, partitionText } from "../../agent/cookies/index.ts";

/** A cookie and the time of its last use, in milliseconds since 1970. */
export interface KeptCookie {
  readonly cookie: Cookie;
  readonly lastAccess: number;
}

/** A place for cookies that several processes may use at once. */
export interface CookieStorage {
  /** An empty list if nothing was saved yet. */
  load(): Promise<readonly KeptCookie[]>;
  /** Replaces what is there by what `change` makes of it, while no other process does. Returns the result. */
  update(change: (current: readonly KeptCookie[]) => readonly KeptCookie[]): Promise<readonly KeptCookie[]>;
}

export class KeptCookies {
  readonly #storage: CookieStorage;
  /** By key; undefined for a cookie that was deleted. */
  #changes = new Map<string, KeptCookie | undefined>();
  #isLoading = false;
  /** One save at a time. */
  #saving: Promise<void> = Promise.resolve();

  constructor(storage: CookieStorage) {
    this.#storage = storage;
  }

  changed(change: CookieChange): void {
    if (this.#isLoading) return;
    const { kind, cookie } = change;
    this.#changes.set(keyOf(cookie), kind === "set" ? { cookie, lastAccess: change.lastAccess } : undefined);
  }

  async load(store: CookieStore, now: number): Promise<void> {
    this.#take(await this.#storage.load(), store, now);
  }

  save(store: CookieStore, now: number): Promise<void> {
    const saving = this.#saving.then(() => this.#saveNow(store, now));
    this.#saving = saving.catch(() => undefined);
    return saving;
  }

  async #saveNow(store: CookieStore, now: number): Promise<void> {
    store.deleteExpired(now);
    if (this.#changes.size === 0) return;
    const changes = this.#changes;
    this.#changes = new Map();
    try {
      const result = await this.#storage.update((current) => {
        const merged = new Map(current.map((each) => [keyOf(each.cookie), each]));
        for (const [key, kept] of changes) {
          if (kept === undefined) merged.delete(key);
          else merged.set(key, kept);
        }
        return [...merged.values()].filter(({ cookie }) => cookie.expires === undefined || cookie.expires > now);
      });
      this.#take(result, store, now);
    } catch (error) {
      // The next save tries again; what has changed meanwhile is newer.
      this.#changes = new Map([...changes, ...this.#changes]);
      throw error;
    }
  }

  /** Makes the store equal to what was saved, except for changes that have not been. */
  #take(saved: readonly KeptCookie[], store: CookieStore, now: number): void {
    const keys = new Set(saved.map(({ cookie }) => keyOf(cookie)));
    this.#isLoading = true;
    try {
      const known = new Map([...store].map((cookie) => [keyOf(cookie), cookie]));
      for (const [key, cookie] of known) if (!keys.has(key) && !this.#changes.has(key)) store.delete(cookie);
      for (const { cookie, lastAccess } of saved) {
        const key = keyOf(cookie);
        if (this.#changes.has(key)) continue;
        const own = known.get(key);
        if (own === undefined || own.value !== cookie.value || own.created !== cookie.created)
          store.add(cookie, now, lastAccess);
      }
    } finally {
      this.#isLoading = false;
    }
  }
}

const keyOf = ({ name, domain, hostOnly, path, partitionKey }: Cookie): string =>
  JSON.stringify([name, domain, hostOnly, path, partitionText(partitionKey)]);
