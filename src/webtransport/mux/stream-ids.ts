/** Which streams exist, and how many more each side may open (RFC 9000 §2.1, §4.6). */

import { transportError } from "../../quic/errors.ts";
import { isServerInitiated, isUnidirectional, type StreamDirection, type StreamId } from "../../quic/transport.ts";

export type Role = "client" | "server";

export const directionOf = (id: StreamId): StreamDirection => (isUnidirectional(id) ? "uni" : "bidi");

/** The streams of one direction. */
class Count {
  readonly #window: number;
  /** Streams that we opened, and the peer's limit. */
  opened = 0;
  allowed = 0;
  /** True if a stream could not be opened. */
  isBlocked = false;
  /** Streams that the peer opened, how many of them have ended, and our limit. */
  #arrived = 0;
  #ended = 0;
  #limit: number;

  constructor(window: number) {
    this.#window = window;
    this.#limit = window;
  }

  get arrived(): number {
    return this.#arrived;
  }

  arrive(count: number): void {
    // RFC 9000 §4.6.
    if (count > this.#limit) throw transportError("STREAM_LIMIT_ERROR", "stream", `${count} of ${this.#limit} streams`);
    this.#arrived = count;
  }

  /** A stream of the peer has ended. Returns true if a new limit is worth a frame. */
  end(): boolean {
    this.#ended += 1;
    return this.#ended + this.#window - this.#limit >= this.#window / 2;
  }

  raise(): number {
    this.#limit = this.#ended + this.#window;
    return this.#limit;
  }
}

export class StreamIds {
  readonly #role: Role;
  readonly #counts: Readonly<Record<StreamDirection, Count>>;

  constructor(role: Role, window: Readonly<Record<StreamDirection, number>>) {
    this.#role = role;
    this.#counts = { bidi: new Count(window.bidi), uni: new Count(window.uni) };
  }

  isOurs(id: StreamId): boolean {
    return isServerInitiated(id) === (this.#role === "server");
  }

  /** Undefined if the peer's limit is reached; `allow` returns true when that has changed. */
  open(direction: StreamDirection): StreamId | undefined {
    const count = this.#counts[direction];
    count.isBlocked = count.opened >= count.allowed;
    if (count.isBlocked) return undefined;
    count.opened += 1;
    return (count.opened - 1) * 4 + (direction === "uni" ? 2 : 0) + (this.#role === "server" ? 1 : 0);
  }

  /** Streams of ours that the peer allows. */
  allowed(direction: StreamDirection): number {
    return this.#counts[direction].allowed;
  }

  /** The peer's limit. Returns true if it lets something be opened that could not be before. */
  allow(direction: StreamDirection, maximum: number): boolean {
    const count = this.#counts[direction];
    if (maximum <= count.allowed) return false;
    count.allowed = maximum;
    const { isBlocked } = count;
    count.isBlocked = false;
    return isBlocked;
  }

  /**
   * The streams that a frame for `id` opens: itself, and lower ones of its type (RFC 9000 §2.1). Throws a `ProtocolError` if it
   * is ours and was never opened, or if there are too many.
   */
  opens(id: StreamId): readonly StreamId[] {
    const count = this.#counts[directionOf(id)];
    const number = Math.floor(id / 4);
    if (this.isOurs(id)) {
      if (number >= count.opened) throw transportError("STREAM_STATE_ERROR", "stream", `${id} was not opened`);
      return NONE;
    }
    const { arrived } = count;
    if (number < arrived) return NONE;
    count.arrive(number + 1);
    return Array.from({ length: number + 1 - arrived }, (_, i) => id - 4 * (number - arrived - i));
  }

  /** A stream of the peer has ended. Returns true if `raise` has a new limit for it. */
  end(id: StreamId): boolean {
    return this.#counts[directionOf(id)].end();
  }

  /** A new limit for the peer. */
  raise(direction: StreamDirection): number {
    return this.#counts[direction].raise();
  }
}

const NONE: readonly StreamId[] = [];
