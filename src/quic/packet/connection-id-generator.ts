/**
 * Generates an endpoint's own connection ids. All ids of an endpoint have the same length, since a short header does
 * not carry the length of its id (RFC 9000 §5.1).
 */

import type { Rng } from "../../base/rng.ts";
import { ConnectionId } from "./connection-id.ts";

export interface ConnectionIdGenerator {
  readonly length: number;
  /** A new connection id. */
  generate(): ConnectionId;
  /** The period of the key that an id names (`key-period.ts`). Absent if ids name none, so that one key serves for all. */
  keyPeriod?(id: Uint8Array): number;
}

/** Ids without meaning, for an endpoint that receives all of its datagrams itself. */
export class RandomConnectionIds implements ConnectionIdGenerator {
  readonly length: number;
  readonly #rng: Rng;

  constructor(rng: Rng, length = 8) {
    this.#rng = rng;
    this.length = length;
  }

  generate(): ConnectionId {
    return ConnectionId.random(this.#rng, this.length);
  }
}
