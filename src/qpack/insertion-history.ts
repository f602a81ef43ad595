/**
 * The encoder's memory of sent lines: where their names and values are in the dynamic table, and the last value of each
 * name. A line is inserted when it occurs a second time, so lines that never repeat (paths, dates, lengths) take no
 * table space, without a list of such names.
 */

import { SparseMap } from "../base/sparse-map.ts";
import type { FieldLine } from "../http/field-section.ts";

export interface KnownName {
  /** The newest entry of that name; -1 if there is none. */
  newest: number;
  /** The newest entry of that name by value. */
  readonly values: Map<string, number>;
  /** The value of the last line of that name. */
  lastValue: string;
}

const MAX_NAMES = 256;

export class InsertionHistory {
  readonly #names = new SparseMap<string, KnownName>();

  find(name: string): KnownName | undefined {
    return this.#names.get(name);
  }

  /** Records a line whose name is new. */
  remember(name: string, value: string): void {
    if (this.#names.size >= MAX_NAMES) this.#forgetAbsent();
    if (this.#names.size < MAX_NAMES) this.#names.set(name, { newest: -1, values: new Map(), lastValue: value });
  }

  handleInserted(line: FieldLine, index: number): void {
    const known = this.#names.get(line[0]);
    if (known === undefined) return;
    known.newest = index;
    known.values.set(line[1], index);
  }

  handleEvicted(line: FieldLine, index: number): void {
    const known = this.#names.get(line[0]);
    if (known === undefined) return;
    // There may be a later duplicate.
    if (known.values.get(line[1]) === index) known.values.delete(line[1]);
    if (known.newest === index) known.newest = -1;
  }

  #forgetAbsent(): void {
    for (const [name, known] of this.#names) if (known.values.size === 0) this.#names.delete(name);
  }
}
