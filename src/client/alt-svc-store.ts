// The alternative services that clients share or keep: curl's file has times since 1970, the machine below those of the clock.
import { Alternatives, type AltSvcEntry } from "../agent/index.ts";
import { millis } from "../base/time.ts";
import { type HostClock, systemClock } from "../host/clock.ts";

/** Read by the clients that use the store. */
export let alternativesOf: (store: AltSvcStore) => Alternatives;

/** Remembers which alternative services origins have advertised (RFC 7838), for several clients, or from one process to the next. */
export class AltSvcStore {
  readonly #alternatives = new Alternatives();
  readonly #clock: Pick<HostClock, "now" | "date">;

  static {
    alternativesOf = (store) => store.#alternatives;
  }

  /** `clock` enables virtual time. */
  constructor(clock: Pick<HostClock, "now" | "date"> = systemClock) {
    this.#clock = clock;
  }

  /** Those that have not expired. QUIC versions (`quicv`) are not among what they say. */
  entries(): AltSvcEntry[] {
    const date = this.#clock.date();
    return this.#alternatives.entries(this.#clock.now()).flatMap(({ origin, protocol, learnedOver, ...each }) => {
      const url = new URL(origin);
      // RFC 7838 §2.1: an origin over cleartext has none.
      if (url.protocol !== "https:") return [];
      const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
      const { alternative, remaining, persists } = each;
      return [
        {
          host,
          port: url.port === "" ? 443 : Number(url.port),
          learnedOver,
          alternative: { protocol, host: alternative.host === "" ? host : alternative.host, port: alternative.port },
          expires: date + remaining / 1_000,
          persists,
        },
      ];
    });
  }

  /** Adds an entry unless it has expired, after those that are known of its origin. */
  add({ host, port, learnedOver, alternative, expires, persists }: AltSvcEntry): void {
    const now = this.#clock.now();
    const at = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (!URL.canParse(at)) return;
    this.#alternatives.add(
      {
        origin: new URL(at).origin,
        protocol: alternative.protocol,
        learnedOver,
        alternative: { host: alternative.host === host ? "" : alternative.host, port: alternative.port },
        remaining: millis(Math.min(expires - this.#clock.date(), MAX_REMAINING)),
        persists,
      },
      now,
    );
  }
}

/** A century. */
const MAX_REMAINING = 3_155_760_000_000;
