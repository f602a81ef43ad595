/**
 * The limit on bytes queued by all responses of one connection, including bytes being fetched for them: two hundred
 * file reads that begin together must not all use the room for one.
 */

import { SparseMap, SparseSet } from "../../base/sparse-map.ts";
export interface RoomUser {
  /** Called when there may be room again: call `has` again. */
  handleRoom(): void;
}

/** What fills the room. */
export interface RoomSource {
  /** Bytes queued now. */
  readonly bytesBuffered: number;
}

export class SharedRoom {
  readonly #limit: number;
  readonly #source: RoomSource;
  readonly #fetching = new SparseMap<RoomUser, number>();
  #fetched = 0;
  readonly #waiting = new SparseSet<RoomUser>();

  /** `limit` is in bytes. */
  constructor(limit: number, source: RoomSource) {
    this.#limit = limit;
    this.#source = source;
  }

  /** Returns true if there is room, and reserves `bytes` until `settle`. Otherwise `handleRoom` is called later. */
  has(user: RoomUser, bytes: number): boolean {
    const hasFreed = this.#drop(user);
    const hasRoom = this.#source.bytesBuffered + this.#fetched < this.#limit;
    if (!hasRoom) {
      this.#waiting.add(user);
    } else if (bytes > 0) {
      this.#fetching.set(user, bytes);
      this.#fetched += bytes;
    }
    // Others may be waiting for the user's previous reservation.
    if (hasFreed) this.update();
    return hasRoom;
  }

  /** Releases the reservation: the fetched bytes were written, or will not be. */
  settle(user: RoomUser): void {
    this.#waiting.delete(user);
    if (this.#drop(user)) this.update();
  }

  /** Call after bytes were sent. Notifies waiting users once a quarter is free, in order of arrival. */
  update(): void {
    if (this.#waiting.size > 0 && (this.#source.bytesBuffered + this.#fetched) * 4 <= this.#limit * 3) this.notify();
  }

  protected notify(): void {
    for (const user of this.#waiting.take()) user.handleRoom();
  }

  protected get isFetching(): boolean {
    return this.#fetched > 0;
  }

  #drop(user: RoomUser): boolean {
    const bytes = this.#fetching.get(user);
    if (bytes === undefined) return false;
    this.#fetching.delete(user);
    this.#fetched -= bytes;
    return true;
  }
}

/** For a transport with its own limit that reports free room: users only wait here while bytes are being fetched. */
export class FetchRoom extends SharedRoom {
  override update(): void {
    if (this.isFetching) super.update();
    else this.notify();
  }
}
