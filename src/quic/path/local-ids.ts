/**
 * The connection ids that we gave to the peer and under which it reaches us (RFC 9000 §5.1.1). The endpoint has to know
 * them for demultiplexing, so every change is told to it.
 */

import { transportError } from "../errors.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { IdOwner } from "../recovery/sent-packet.ts";

export interface IssuedConnectionId {
  readonly id: ConnectionId;
  readonly resetToken: Uint8Array;
}

/** What the endpoint does about ids: make fresh ones with their reset tokens, and route or forget them. */
export interface ConnectionIdRegistry {
  issue(): IssuedConnectionId;
  retire(id: ConnectionId): void;
}

interface IssuedId extends IssuedConnectionId {
  announced: boolean;
}

export class LocalIds implements IdOwner {
  readonly #registry: ConnectionIdRegistry;
  /** By sequence number. Retired ones are deleted, so the map never holds more than the peer's limit. */
  readonly #issued = new Map<number, IssuedId>();
  #nextSequence = 1;
  #wanted = 1;
  /** Sequence numbers of issued ids, each at most once. */
  #toAnnounce: number[] = [];

  constructor(registry: ConnectionIdRegistry, first: IssuedConnectionId) {
    this.#registry = registry;
    this.#issued.set(0, { ...first, announced: true });
  }

  /** The peer's active_connection_id_limit, capped by our own: how many ids it should hold. */
  setActive(limit: number): void {
    this.#wanted = limit;
    this.#replenish();
  }

  #replenish(): void {
    // RFC 9000 §5.1.1: an endpoint SHOULD ensure that its peer has enough ids, and supplies one for each retired.
    while (this.#issued.size < this.#wanted) {
      const sequence = this.#nextSequence++;
      this.#issued.set(sequence, { ...this.#registry.issue(), announced: false });
      this.#toAnnounce.push(sequence);
    }
  }

  /** RETIRE_CONNECTION_ID that arrived in a packet addressed to `destination` (RFC 9000 §19.16). */
  handleRetire(sequence: number, destination: string): void {
    if (sequence >= this.#nextSequence) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires an id that was never issued");
    }
    const entry = this.#issued.get(sequence);
    if (entry === undefined) return;
    // Else a peer that guesses sequence numbers would have ids made that it never gets to see.
    if (!entry.announced) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires an id that was never sent");
    }
    if (entry.id.key === destination) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires the id that its packet was sent to");
    }
    this.#issued.delete(sequence);
    this.#toAnnounce = this.#toAnnounce.filter((other) => other !== sequence);
    this.#registry.retire(entry.id);
    this.#replenish();
  }

  get hasToAnnounce(): boolean {
    return this.#toAnnounce.length > 0;
  }

  /** The next NEW_CONNECTION_ID to send. */
  nextToAnnounce():
    | { readonly sequence: number; readonly id: ConnectionId; readonly resetToken: Uint8Array }
    | undefined {
    const sequence = this.#toAnnounce[0];
    if (sequence === undefined) return undefined;
    const { id, resetToken } = this.#issued.get(sequence)!;
    return { sequence, id, resetToken };
  }

  announced(sequence: number): void {
    const entry = this.#issued.get(sequence);
    if (entry !== undefined) entry.announced = true;
    this.#toAnnounce = this.#toAnnounce.filter((other) => other !== sequence);
  }

  handleAcked(_sequence: number): void {}

  /** A NEW_CONNECTION_ID was lost. */
  handleLost(sequence: number): void {
    if (this.#issued.has(sequence) && !this.#toAnnounce.includes(sequence)) this.#toAnnounce.push(sequence);
  }

  /** Is this the key of an id that the peer may use? */
  has(key: string): boolean {
    for (const { id } of this.#issued.values()) if (id.key === key) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<ConnectionId> {
    for (const entry of this.#issued.values()) yield entry.id;
  }
}
