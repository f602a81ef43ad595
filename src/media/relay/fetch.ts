/** Objects of the past, from what is kept of a track, in the order that was asked for. */

import type { CachedObject, Run, RunReader } from "./cache.ts";
import type { Refusal } from "./model.ts";
import { PLAIN_TRACK } from "./model.ts";
import type { Fetching, FetchOutlet, FetchRequest } from "./peer.ts";
import type { RelayTrack } from "./track.ts";

interface Item {
  readonly run: Run;
  readonly object: CachedObject;
}

/** Begins a fetch; refuses it if nothing of its range is kept. */
export function beginFetch(
  track: RelayTrack,
  request: FetchRequest,
  outlet: FetchOutlet,
  onOver: () => void,
): Fetching | Refusal {
  const { cache } = track;
  const { start, end, order } = request;
  const { largest } = cache;
  if (largest === undefined) return { reason: "does-not-exist", message: "nothing of this track is kept" };
  const isAfter = start.group > largest.group || (start.group === largest.group && start.object > largest.object);
  if (isAfter) return { reason: "invalid-range", message: "the range begins after the newest object" };
  const lastObject = end?.object ?? Number.POSITIVE_INFINITY;
  const isOpen =
    end === undefined || end.group > largest.group || (end.group === largest.group && lastObject >= largest.object);
  const last = isOpen ? largest : { group: end.group, object: lastObject };
  const items: Item[] = [];
  for (const group of cache.from(start.group)) {
    if (group.id > last.group) break;
    const first = group.id === start.group ? start.object : 0;
    const limit = group.id === last.group ? last.object : Number.POSITIVE_INFINITY;
    const objects = group.runs.flatMap((run) => {
      const found: Item[] = [];
      for (let at = run.first; at < run.length; at += 1) {
        const object = run.at(at)!;
        const { object: id } = object.head;
        if (id >= first && id <= limit && object.head.status === "normal") found.push({ run, object });
      }
      return found;
    });
    objects.sort((a, b) => a.object.head.object - b.object.head.object);
    if (order === "descending") items.unshift(...objects);
    else items.push(...objects);
  }
  if (items.length === 0) return { reason: "does-not-exist", message: "nothing of this range is kept any more" };
  const final = order === "descending" ? items[0]! : items.at(-1)!;
  const reached = Number.isFinite(last.object)
    ? last
    : { group: last.group, object: lastOf(items, last.group) ?? final.object.head.object };
  outlet.accept(track.info ?? PLAIN_TRACK, reached, false);
  const fetching = new CacheFetch(items, outlet, track.info?.priority ?? 128, onOver);
  fetching.handleRoom();
  return fetching;
}

function lastOf(items: readonly Item[], group: number): number | undefined {
  let last: number | undefined;
  for (const { run, object } of items) if (run.group.id === group) last = Math.max(last ?? 0, object.head.object);
  return last;
}

class CacheFetch implements Fetching, RunReader {
  readonly #items: readonly Item[];
  readonly #outlet: FetchOutlet;
  readonly #priority: number;
  readonly #onOver: () => void;
  #index = 0;
  #piece = 0;
  #hasHead = false;
  #isOver = false;
  /** The run that its object grows in. */
  #waitsFor: Run | undefined;

  constructor(items: readonly Item[], outlet: FetchOutlet, priority: number, onOver: () => void) {
    this.#items = items;
    this.#outlet = outlet;
    this.#priority = priority;
    this.#onOver = onOver;
  }

  handleRun(): void {
    this.handleRoom();
  }

  handleRoom(): void {
    if (this.#isOver) return;
    const outlet = this.#outlet;
    for (; this.#index < this.#items.length; this.#index += 1) {
      const { run, object } = this.#items[this.#index]!;
      // Nothing of an object that will never be complete is begun.
      if (!this.#hasHead && !object.isComplete && run.state === "reset") continue;
      if (!outlet.hasRoom) return;
      if (!this.#hasHead) {
        this.#hasHead = true;
        const { group, start } = run;
        outlet.object(
          { group: group.id, subgroup: start.subgroup, priority: start.priority ?? this.#priority },
          object.head,
        );
      }
      for (; this.#piece < object.pieces.length; this.#piece += 1) {
        if (!outlet.hasRoom) return;
        outlet.payload(object.pieces[this.#piece]!);
      }
      if (!object.isComplete) {
        this.#wait(run);
        return;
      }
      this.#piece = 0;
      this.#hasHead = false;
    }
    this.#over();
    outlet.end();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#over();
    this.#outlet.reset();
  }

  #wait(run: Run): void {
    if (run.state !== "open" || run.group.isEvicted) {
      this.cancel();
      return;
    }
    this.#waitsFor = run;
    run.readers.add(this);
  }

  #over(): void {
    this.#isOver = true;
    this.#waitsFor?.readers.delete(this);
    this.#onOver();
  }
}
