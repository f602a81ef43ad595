/** Which rendition to play: down at the first trouble, up again after calm, which has to last longer each time it was too early. */

/** Milliseconds without trouble before a better rendition is tried. */
const CALM = 10_000;
const LONGEST_CALM = 160_000;
/** Milliseconds after a switch in which trouble is still that of the one before. */
const SETTLING = 2_500;

export class RenditionChooser {
  readonly #count: number;
  #index: number;
  #switchedAt = Number.NEGATIVE_INFINITY;
  #troubleAt: number;
  #calm = CALM;
  #wentUpAt = Number.NEGATIVE_INFINITY;

  /** Of `count` renditions, the worst first, it begins with `start`. */
  constructor(count: number, start: number, now: number) {
    this.#count = count;
    this.#index = start;
    this.#troubleAt = now;
  }

  get index(): number {
    return this.#index;
  }

  /** Pictures were skipped, or playback waited. Returns true if another rendition is to be played. */
  handleTrouble(now: number): boolean {
    this.#troubleAt = now;
    if (now - this.#switchedAt < SETTLING || this.#index === 0) return false;
    // The better one was too much: it is not tried again soon.
    if (now - this.#wentUpAt < this.#calm) this.#calm = Math.min(LONGEST_CALM, 2 * this.#calm);
    return this.#switch(this.#index - 1, now);
  }

  /** Call it now and then. Returns true if another rendition is to be played. */
  handleCalm(now: number): boolean {
    if (this.#index === this.#count - 1) return false;
    if (now - Math.max(this.#troubleAt, this.#switchedAt) < this.#calm) return false;
    this.#wentUpAt = now;
    return this.#switch(this.#index + 1, now);
  }

  #switch(index: number, now: number): boolean {
    this.#index = index;
    this.#switchedAt = now;
    return true;
  }
}
