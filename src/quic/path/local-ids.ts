/**
 * The connection ids that we issued to the peer (RFC 9000 §5.1.1). The registry is notified of every change, since the
 * endpoint needs the ids for demultiplexing.
 */

import { transportError } from "../errors.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { SequenceOwner } from "../recovery/sent-packet.ts";

export interface IssuedConnectionId {
  readonly id: ConnectionId;
  readonly resetToken: Uint8Array;
}

/** Implemented by the endpoint: issues new ids with their reset tokens, routes them, and retires them. */
export interface ConnectionIdRegistry {
  issue(): IssuedConnectionId;
  retire(id: ConnectionId): void;
}

class IssuedId {
  readonly id: ConnectionId;
  /** Until the peer has it: undefined for an id that it can no longer be missing. */
  resetToken: Uint8Array | undefined;
  announced: boolean;

  constructor({ id, resetToken }: IssuedConnectionId, announced: boolean) {
    this.id = id;
    this.resetToken = resetToken;
    this.announced = announced;
  }
}

export class LocalIds implements SequenceOwner {
  readonly #registry: ConnectionIdRegistry;
  /** By sequence number. Retired ids are deleted, so the map never exceeds the peer's limit. */
  readonly #issued = new Map<number, IssuedId>();
  #nextSequence = 1;
  #targetCount = 1;
  /** Sequence numbers of issued ids, each at most once. */
  #toAnnounce: number[] = [];

  constructor(registry: ConnectionIdRegistry, first: IssuedConnectionId) {
    this.#registry = registry;
    this.#issued.set(0, new IssuedId(first, true));
  }

  /** Issues the id of a preferred address, which the transport parameter announces (RFC 9000 §5.1.1). */
  issuePreferred(): IssuedConnectionId {
    const issued = this.#registry.issue();
    this.#issued.set(this.#nextSequence++, new IssuedId(issued, true));
    return issued;
  }

  /** Sets how many ids the peer should hold: its active_connection_id_limit, capped by our own. */
  setActiveLimit(limit: number): void {
    this.#targetCount = limit;
    this.#replenish();
  }

  #replenish(): void {
    // RFC 9000 §5.1.1: an endpoint SHOULD ensure that its peer has enough ids, and issue one for each retired.
    while (this.#issued.size < this.#targetCount) {
      const sequence = this.#nextSequence++;
      this.#issued.set(sequence, new IssuedId(this.#registry.issue(), false));
      this.#toAnnounce.push(sequence);
    }
  }

  /** Handles a RETIRE_CONNECTION_ID frame in a packet addressed to `destination` (RFC 9000 §19.16). */
  handleRetire(sequence: number, destination: string): void {
    if (sequence >= this.#nextSequence) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires an id that was never issued");
    }
    const entry = this.#issued.get(sequence);
    if (entry === undefined) return;
    // Otherwise a peer that guesses sequence numbers could make us issue ids that it never receives.
    if (!entry.announced) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires an id that was never sent");
    }
    if (entry.id.key === destination) {
      throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "retires the id that its packet was sent to");
    }
    this.#issued.delete(sequence);
    this.#cancelAnnouncement(sequence);
    this.#registry.retire(entry.id);
    this.#replenish();
  }

  get hasPendingAnnouncements(): boolean {
    return this.#toAnnounce.length > 0;
  }

  /** The next connection id to send in NEW_CONNECTION_ID. */
  nextToAnnounce():
    | { readonly sequence: number; readonly id: ConnectionId; readonly resetToken: Uint8Array }
    | undefined {
    const sequence = this.#toAnnounce[0];
    if (sequence === undefined) return undefined;
    const { id, resetToken } = this.#issued.get(sequence)!;
    return { sequence, id, resetToken: resetToken! };
  }

  markAnnounced(sequence: number): void {
    const entry = this.#issued.get(sequence);
    if (entry !== undefined) entry.announced = true;
    this.#cancelAnnouncement(sequence);
  }

  #cancelAnnouncement(sequence: number): void {
    const at = this.#toAnnounce.indexOf(sequence);
    if (at < 0) return;
    // An array that was emptied would keep the memory that it once needed.
    if (this.#toAnnounce.length === 1) this.#toAnnounce = [];
    else this.#toAnnounce.splice(at, 1);
  }

  handleAcked(sequence: number): void {
    const entry = this.#issued.get(sequence);
    if (entry === undefined) return;
    entry.resetToken = undefined;
    entry.id.compact();
    this.#cancelAnnouncement(sequence);
  }

  /** Sends a lost NEW_CONNECTION_ID again, unless another copy of it has arrived. */
  handleLost(sequence: number): void {
    const entry = this.#issued.get(sequence);
    if (entry?.resetToken === undefined || this.#toAnnounce.includes(sequence)) return;
    this.#toAnnounce.push(sequence);
  }

  /** True if `key` belongs to an id that the peer may use. */
  has(key: string): boolean {
    for (const { id } of this.#issued.values()) if (id.key === key) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<ConnectionId> {
    for (const entry of this.#issued.values()) yield entry.id;
  }
}
