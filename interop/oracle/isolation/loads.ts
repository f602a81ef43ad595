/** What became of the requests of a page, by the number of their case in the query. */

import type { CDPSession } from "playwright-core";

export class Loads {
  readonly #outcomes = new Map<string, string>();
  readonly #numbers = new Map<string, string>();
  #changed: (() => void) | undefined;

  static async watch(session: CDPSession): Promise<Loads> {
    const loads = new Loads();
    session.on("Network.requestWillBeSent", ({ requestId, request }) => {
      const n = numberOf(request.url);
      if (n !== undefined) loads.#numbers.set(requestId, n);
    });
    session.on("Network.loadingFinished", ({ requestId }) => loads.#settle(requestId, "loaded"));
    session.on("Network.loadingFailed", ({ requestId, blockedReason, errorText }) => {
      loads.#settle(requestId, blockedReason ?? errorText);
    });
    await session.send("Network.enable");
    return loads;
  }

  /** `loaded`, a reason of Chromium's, or the text of its error. */
  get(n: string): string | undefined {
    return this.#outcomes.get(n);
  }

  set(n: string, outcome: string): void {
    this.#outcomes.set(n, outcome);
    this.#changed?.();
  }

  /** Waits until every number has an outcome. */
  async all(numbers: readonly string[], patience = 20_000): Promise<void> {
    const deadline = performance.now() + patience;
    for (;;) {
      const missing = numbers.filter((n) => !this.#outcomes.has(n));
      if (missing.length === 0) return;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no outcome of ${missing.length} requests, such as ${missing.join()}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        setTimeout(resolve, left);
      });
    }
  }

  #settle(requestId: string, outcome: string): void {
    const n = this.#numbers.get(requestId);
    if (n !== undefined && !this.#outcomes.has(n)) this.set(n, outcome);
  }
}

const numberOf = (url: string): string | undefined => {
  try {
    return new URL(url).searchParams.get("n") ?? undefined;
  } catch {
    return undefined;
  }
};
