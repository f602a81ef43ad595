// Connections of other origins that may carry an origin's requests (RFC 9113 §9.1.1, RFC 9114 §3.3, RFC 8336).
import type { Dialer } from "../host/client/dialer.ts";
import type { Session } from "../host/client/session.ts";
import { judgeCertificate } from "../host/client/verdict.ts";
import type { HostClock } from "../host/clock.ts";
import type { ClientSettings } from "./options.ts";

/** A connection, and the origin that opened it. */
export interface SharedSession<Owner> {
  readonly session: Session;
  readonly owner: Owner;
}

type Wanted = Pick<Dialer, "origin" | "host" | "port" | "secure">;

/** An origin that may lend its connections. */
interface Lender {
  readonly dialer: Wanted;
  ownSessions(): readonly Session[];
}

export class SharedSessions<Owner extends Lender> {
  readonly #settings: ClientSettings;
  readonly #clock: HostClock;
  readonly #origins: () => Iterable<Owner>;

  constructor(settings: ClientSettings, clock: HostClock, origins: () => Iterable<Owner>) {
    this.#settings = settings;
    this.#clock = clock;
    this.#origins = origins;
  }

  /** Connections that might do, before their certificates and addresses are compared. */
  candidates(wanted: Wanted): readonly SharedSession<Owner>[] {
    const { coalesce, rejectUnauthorized, identity, certificateHashes, namesAreRemote, connectTo } = this.#settings;
    const isVerified = rejectUnauthorized && certificateHashes === undefined;
    if (
      !coalesce ||
      !wanted.secure ||
      !isVerified ||
      identity !== undefined ||
      namesAreRemote === true ||
      connectTo !== undefined
    )
      return [];
    const found: SharedSession<Owner>[] = [];
    for (const owner of this.#origins()) {
      if (owner.dialer.origin === wanted.origin || owner.dialer.port !== wanted.port) continue;
      for (const session of owner.ownSessions()) if (mightServe(session, wanted.origin)) found.push({ session, owner });
    }
    return found;
  }

  /** The first that the server may be asked over for the origin. Looks the origin's host up unless ORIGIN frames name it. */
  async choose(candidates: readonly SharedSession<Owner>[], wanted: Wanted): Promise<SharedSession<Owner> | undefined> {
    let addresses: Promise<readonly string[]> | undefined;
    for (const each of candidates) {
      const { session } = each;
      if (!(await this.#isCertified(session, wanted.host))) continue;
      if (session.origins === undefined) {
        addresses ??= this.#addresses(wanted);
        if (!(await addresses).includes(session.remoteAddress)) continue;
      }
      if (mightServe(session, wanted.origin)) return each;
    }
    return undefined;
  }

  /** RFC 9110 §4.3.4: the certificate must hold for this host too, under all rules. */
  async #isCertified({ chain }: Session, host: string): Promise<boolean> {
    if (chain === undefined) return false;
    const refusal = await judgeCertificate(
      chain,
      { ...this.#settings, servername: host },
      new Date(this.#clock.date()),
    );
    return refusal === undefined;
  }

  async #addresses({ host, port }: Wanted): Promise<readonly string[]> {
    const { addresses, resolve } = this.#settings;
    return addresses.findAll(host, port, resolve).catch(() => []);
  }
}

/** RFC 8336 §2.4: where the server has named its origins, others are not asked for. */
const mightServe = ({ protocol, room, silence, origins }: Session, origin: string): boolean =>
  protocol !== "http/1.1" && room > 0 && (silence ?? 0) === 0 && (origins === undefined || origins.has(origin));
