/**
 * How much the responses of one connection may have waiting together, with what is being fetched for them: two hundred
 * reads of files that begin at once must not each find the room that there is for one.
 */

export interface RoomUser {
  /** There is room again: ask. */
  handleRoom(): void;
}

export interface SharedRoomOptions {
  readonly most: number;
  /** The bytes that wait now. */
  readonly used: () => number;
}

export class SharedRoom {
  readonly #most: number;
  readonly #used: () => number;
  readonly #fetching = new Map<RoomUser, number>();
  #fetched = 0;
  readonly #waiting = new Set<RoomUser>();

  constructor({ most, used }: SharedRoomOptions) {
    this.#most = most;
    this.#used = used;
  }

  /** Whether there is room. `bytes` that will be fetched take it until `settle`; without room, the user hears of it. */
  has(user: RoomUser, bytes: number): boolean {
    const hasGivenUp = this.#drop(user);
    const hasRoom = this.#used() + this.#fetched < this.#most;
    if (!hasRoom) {
      this.#waiting.add(user);
    } else if (bytes > 0) {
      this.#fetching.set(user, bytes);
      this.#fetched += bytes;
    }
    // Others may have waited for what the user did not fetch after all.
    if (hasGivenUp) this.update();
    return hasRoom;
  }

  /** What was fetched is written, or will not be. */
  settle(user: RoomUser): void {
    this.#waiting.delete(user);
    if (this.#drop(user)) this.update();
  }

  /** Something has left. Those who wait are told by the quarter, in the order in which they came. */
  update(): void {
    if (this.#waiting.size > 0 && (this.#used() + this.#fetched) * 4 <= this.#most * 3) this.tell();
  }

  /** Has all ask again that wait. */
  protected tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const user of waiting) user.handleRoom();
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

/** Where the transport has a bound of its own and says when it has room: only what is being fetched is waited for here. */
export class FetchRoom extends SharedRoom {
  override update(): void {
    if (this.isFetching) super.update();
    else this.tell();
  }
}
