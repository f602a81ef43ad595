/** A first-in, first-out queue in an array: pushing and shifting take constant time, on average. */

/** Removed items at the front are reclaimed in blocks of this size. */
const BLOCK = 1024;

export class Fifo<T> {
  readonly #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Inserts the item behind the last one that does not come after it. */
  insert(item: T, comesAfter: (other: T, item: T) => boolean): void {
    const items = this.#items;
    let at = items.length;
    while (at > this.#head && comesAfter(items[at - 1] as T, item)) at -= 1;
    if (at === items.length) items.push(item);
    else items.splice(at, 0, item);
  }

  shift(): T | undefined {
    const items = this.#items;
    if (this.#head === items.length) return undefined;
    const item = items[this.#head];
    items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === items.length) {
      items.length = 0;
      this.#head = 0;
    } else if (this.#head === BLOCK) {
      items.splice(0, BLOCK);
      this.#head = 0;
    }
    return item;
  }
}
