/** The addresses of an origin's host, looked up again from time to time: names may move while a gateway runs. */
import { systemClock } from "../clock.ts";
import { detach, type Fault } from "../guard.ts";
import { resolveHost } from "./resolve.ts";

export type LookUp = (host: string, port: number) => Promise<readonly string[]>;

const lookUpHost: LookUp = async (host, port) =>
  (await resolveHost(host, port, undefined)).map(({ address }) => address);

export class OriginAddresses {
  readonly #interval: number;
  readonly #onFault: (fault: Fault) => void;
  readonly #onLeft: (isLeft: (address: string) => boolean) => void;
  readonly #lookUp: LookUp;
  readonly #now: () => number;
  #addresses: readonly string[] = [];
  /** The time of the last lookup, in milliseconds. */
  #lookedUp = Number.NEGATIVE_INFINITY;
  #lookingUp: Promise<void> | undefined;
  #next = 0;

  /** `onLeft` is called after a lookup without some addresses of the one before. */
  constructor(
    interval: number,
    onFault: (fault: Fault) => void,
    onLeft: (isLeft: (address: string) => boolean) => void,
    lookUp: LookUp = lookUpHost,
    now: () => number = () => systemClock.now() / 1_000,
  ) {
    this.#interval = interval;
    this.#onFault = onFault;
    this.#onLeft = onLeft;
    this.#lookUp = lookUp;
    this.#now = now;
  }

  /** The addresses for a new connection. Each call begins with another one, so that connections are spread over them. */
  readonly resolve = async (host: string, port: number): Promise<readonly string[]> => {
    if (this.#addresses.length === 0) await this.#refresh(host, port);
    const all = this.#addresses;
    // One of the two of localhost may be unused; the system's order is the better guess.
    if (all.length < 2 || host === "localhost") return all;
    const first = this.#next++ % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  };

  /** Looks the host up in the background if the last lookup was too long ago. A failure keeps the previous addresses. */
  refresh(host: string): void {
    if (this.#addresses.length === 0 || this.#lookingUp !== undefined) return;
    if (this.#now() - this.#lookedUp < this.#interval) return;
    const refreshed = this.#refresh(host, 0).catch(() => {
      this.#lookedUp = this.#now();
    });
    detach("proxy lookup", this.#onFault, refreshed);
  }

  #refresh(host: string, port: number): Promise<void> {
    this.#lookingUp ??= this.#update(host, port).finally(() => {
      this.#lookingUp = undefined;
    });
    return this.#lookingUp;
  }

  async #update(host: string, port: number): Promise<void> {
    const found = await this.#lookUp(host, port);
    const previous = this.#addresses;
    this.#addresses = found;
    this.#lookedUp = this.#now();
    if (previous.some((address) => !found.includes(address))) this.#onLeft((address) => !found.includes(address));
  }
}
