/** Bounds the tunnels of a proxy, in total and per client. A slot is taken before a name is looked up. */

export class TunnelSlots {
  readonly #max: number;
  readonly #maxPerClient: number;
  readonly #byClient = new Map<string, number>();
  taken = 0;

  constructor(max: number, maxPerClient: number) {
    this.#max = max;
    this.#maxPerClient = maxPerClient;
  }

  /** Returns a function that frees the slot, or what there are too many of. */
  take(client: string): (() => void) | "all" | "client" {
    const own = this.#byClient.get(client) ?? 0;
    if (own >= this.#maxPerClient) return "client";
    if (this.taken >= this.#max) return "all";
    this.taken += 1;
    this.#byClient.set(client, own + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.taken -= 1;
      const left = this.#byClient.get(client)! - 1;
      if (left === 0) this.#byClient.delete(client);
      else this.#byClient.set(client, left);
    };
  }
}
