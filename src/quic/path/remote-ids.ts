/** The connection ids that the peer issued. Each of our packets is addressed to one of them (RFC 9000 §5.1.2). */

import { RangeSet } from "../../base/range-set.ts";
import { SparseMap, SparseSet } from "../../base/sparse-map.ts";
import { transportError } from "../errors.ts";
import type { Frame } from "../frame/frames.ts";
import { bytesOfKey, ConnectionId, connectionIdKey } from "../packet/connection-id.ts";
import type { SequenceOwner } from "../recovery/sent-packet.ts";

interface RemoteId {
  readonly sequence: number;
  readonly id: ConnectionId;
  /** The key of the token's bytes, which takes less memory than they. */
  readonly resetToken: string | undefined;
}

export interface ResetTokenListener {
  /**
   * Called when the stateless reset token changes; undefined if the id in use has none. Only its token counts (RFC 9000
   * §10.3.1).
   */
  onResetToken(token: Uint8Array | undefined): void;
}

/** Gaps in the sequence numbers to remember. */
const MAX_GAPS = 32;

export class RemoteIds implements SequenceOwner {
  /** Our active_connection_id_limit. */
  readonly #limit: number;
  #active: RemoteId;
  #spare: RemoteId[] = [];
  /** Ids in use on routes other than the active one (RFC 9000 §9.5). */
  readonly #bound = new SparseMap<object, RemoteId>();
  #retirePriorTo = 0;
  #toRetire: number[] = [];
  /** Sequence numbers in RETIRE_CONNECTION_ID frames that are unsent or not yet acknowledged. */
  readonly #unacknowledged = new SparseSet<number>();
  /** All sequence numbers received: a frame may arrive once more after its id was retired. */
  readonly #seen = new RangeSet();
  listener: ResetTokenListener | undefined;

  constructor(initial: ConnectionId, limit: number) {
    this.#limit = limit;
    this.#active = { sequence: 0, id: initial, resetToken: undefined };
    this.#note(0);
  }

  get active(): ConnectionId {
    return this.#active.id;
  }

  get activeResetToken(): Uint8Array | undefined {
    const { resetToken } = this.#active;
    return resetToken === undefined ? undefined : bytesOfKey(resetToken);
  }

  /** Sets the id that the peer chose in its first packet, or in a Retry. */
  replaceInitial(id: ConnectionId): void {
    this.#active = { ...this.#active, id };
  }

  /** Sets the token for sequence number 0, from the server's stateless_reset_token parameter. */
  setInitialResetToken(token: Uint8Array): void {
    if (this.#active.sequence !== 0) return;
    this.#active = { ...this.#active, resetToken: connectionIdKey(token) };
    this.listener?.onResetToken(token);
  }

  /** The id for packets on this route. */
  idFor(route: object): ConnectionId {
    return (this.#bound.get(route) ?? this.#active).id;
  }

  /** Gives a route an id of its own (RFC 9000 §9.5). Returns false if the peer has provided none. */
  bind(route: object): boolean {
    if (this.#bound.has(route)) return true;
    const next = this.#spare.shift();
    if (next === undefined) return false;
    this.#bound.set(route, next);
    return true;
  }

  /** Makes the id of a route, if it has its own, the active one; the former active route keeps its id. */
  activate(route: object, former: object): void {
    const next = this.#bound.get(route);
    if (next === undefined) return;
    this.#bound.delete(route);
    this.#bound.set(former, this.#active);
    this.#active = next;
    this.listener?.onResetToken(this.activeResetToken);
  }

  /** Retires the id of a route that is no longer used (RFC 9000 §5.1.2). */
  release(route: object): void {
    const old = this.#bound.get(route);
    if (old === undefined) return;
    this.#bound.delete(route);
    this.#retire(old.sequence);
  }

  /** Retires the ids of all routes but these. */
  releaseExcept(routes: readonly object[]): void {
    for (const route of [...this.#bound.keys()]) if (!routes.includes(route)) this.release(route);
  }

  /** The id of the server's preferred address, with sequence number 1 (RFC 9000 §5.1.1). */
  addPreferred(connectionId: Uint8Array, resetToken: Uint8Array): void {
    this.#addSpare(1, connectionId, resetToken);
    this.#note(1);
  }

  handleNewConnectionId(frame: Extract<Frame, { type: "new-connection-id" }>): void {
    const where = "NEW_CONNECTION_ID";
    if (this.#active.id.length === 0) {
      // RFC 9000 §19.15: a peer that uses an empty connection id cannot issue others.
      throw transportError("PROTOCOL_VIOLATION", where, "sent by a peer with an empty connection id");
    }
    const known =
      this.#active.sequence === frame.sequence
        ? this.#active
        : [...this.#spare, ...this.#bound.values()].find((other) => other.sequence === frame.sequence);
    if (known !== undefined) {
      const sameToken = known.resetToken === undefined || known.resetToken === connectionIdKey(frame.resetToken);
      if (!sameToken || known.id.key !== connectionIdKey(frame.connectionId)) {
        throw transportError(
          "PROTOCOL_VIOLATION",
          where,
          `sequence number ${frame.sequence} was reused with different contents`,
        );
      }
    }
    const retiresMore = frame.retirePriorTo > this.#retirePriorTo;
    if (retiresMore) this.#retirePriorTo = frame.retirePriorTo;
    if (this.#seen.has(frame.sequence)) {
      // RFC 9000 §19.15: a copy. A thousand of them cost nothing.
    } else if (frame.sequence < this.#retirePriorTo) {
      // RFC 9000 §19.15: retired on arrival.
      this.#retire(frame.sequence);
    } else {
      this.#addSpare(frame.sequence, frame.connectionId, frame.resetToken);
    }
    this.#note(frame.sequence);
    if (retiresMore) this.#retireOld();
    if (this.#spare.length + this.#bound.size + 1 > this.#limit) {
      throw transportError("CONNECTION_ID_LIMIT_ERROR", where, `more than ${this.#limit} connection ids`);
    }
  }

  #addSpare(sequence: number, connectionId: Uint8Array, resetToken: Uint8Array): void {
    const added = { sequence, id: ConnectionId.from(connectionId), resetToken: connectionIdKey(resetToken) };
    // Not `push`, nor a spread, which make room for sixteen more.
    this.#spare = this.#spare.concat(added);
  }

  /** Sequence numbers go up by one (RFC 9000 §5.1.1), so gaps are few; of too many, the oldest are filled. */
  #note(sequence: number): void {
    this.#seen.add(sequence, sequence + 1);
    while (this.#seen.size > MAX_GAPS) this.#seen.add(this.#seen.end(0), this.#seen.start(1));
  }

  #retireOld(): void {
    const old = this.#spare.filter((other) => other.sequence < this.#retirePriorTo);
    if (old.length > 0) {
      this.#spare = this.#spare.filter((other) => other.sequence >= this.#retirePriorTo);
      for (const { sequence } of old) this.#retire(sequence);
    }
    // First, because a frame may bring only one new id: other routes can share it.
    if (this.#active.sequence < this.#retirePriorTo) {
      const next = this.#spare.shift();
      // Without a replacement the old id would stay in use; an honest frame that retires it always brings one.
      if (next === undefined) {
        throw transportError("PROTOCOL_VIOLATION", "NEW_CONNECTION_ID", "retires every id without providing a new one");
      }
      this.#retire(this.#active.sequence);
      this.#active = next;
      this.listener?.onResetToken(this.activeResetToken);
    }
    for (const [route, { sequence }] of this.#bound) {
      if (sequence >= this.#retirePriorTo) continue;
      this.#retire(sequence);
      const next = this.#spare.shift();
      if (next === undefined) this.#bound.delete(route);
      else this.#bound.set(route, next);
    }
  }

  /** The only place that adds to pending retirements, so that their limit cannot be bypassed (RFC 9000 §5.1.2). */
  #retire(sequence: number): void {
    if (this.#unacknowledged.has(sequence)) return;
    if (this.#unacknowledged.size >= Math.max(8, 4 * this.#limit)) {
      throw transportError("CONNECTION_ID_LIMIT_ERROR", "NEW_CONNECTION_ID", "too many unacknowledged retirements");
    }
    this.#unacknowledged.add(sequence);
    this.#toRetire.push(sequence);
  }

  get hasPendingRetirements(): boolean {
    return this.#toRetire.length > 0;
  }

  /** The sequence number of the next RETIRE_CONNECTION_ID to send. */
  get nextToRetire(): number | undefined {
    return this.#toRetire[0];
  }

  markRetirementSent(): void {
    this.#toRetire.shift();
  }

  handleAcked(sequence: number): void {
    this.#unacknowledged.delete(sequence);
  }

  handleLost(sequence: number): void {
    if (this.#unacknowledged.has(sequence) && !this.#toRetire.includes(sequence)) this.#toRetire.push(sequence);
  }
}
