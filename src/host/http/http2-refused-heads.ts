/**
 * Notices the request heads that Node refuses by itself, because they have too many fields or are too large: it tells nobody,
 * and decompressing them costs time. A head of 16 kB may stand for 48 MB of fields (RFC 7541 §7.3).
 */

import type { ServerHttp2Session } from "node:http2";

/** Refused heads between two looks, a quarter of a second apart. A client with one too large cookie sends a few in all. */
const MAX_REFUSED = 8;
/** Looks in a row with that many. A client may also skip ids, once. */
const MAX_LOOKS = 4;

export class RefusedHeads {
  readonly #session: ServerHttp2Session;
  #accepted = 0;
  #refused = 0;
  #looks = 0;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
  }

  /** A request arrived. */
  accept(): void {
    this.#accepted += 1;
  }

  /** Call every quarter of a second. Returns true if the client goes on sending heads that are refused. */
  look(): boolean {
    if (this.#session.destroyed) return false;
    // RFC 9113 §5.1.1: clients have the odd ids.
    const refused = Math.ceil((this.#session.state.lastProcStreamID ?? 0) / 2) - this.#accepted;
    this.#looks = refused - this.#refused >= MAX_REFUSED ? this.#looks + 1 : 0;
    this.#refused = refused;
    return this.#looks >= MAX_LOOKS;
  }
}
