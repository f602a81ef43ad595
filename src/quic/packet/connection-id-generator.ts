/**
 * Where an endpoint's own connection ids come from. All ids of an endpoint are equally long, since a short header does not
 * say how long its id is (RFC 9000 §5.1).
 */

import type { Rng } from "../../base/rng.ts";
import { ConnectionId } from "./connection-id.ts";

export interface ConnectionIdGenerator {
  readonly length: number;
  generate(): ConnectionId;
}

/** Ids that mean nothing: for an endpoint that receives all of its datagrams itself. */
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
