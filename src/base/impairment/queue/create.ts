/** The queue disciplines, by the type in their options. */

import type { Rng } from "../../rng.ts";
import { CoDel, type CoDelOptions } from "./codel.ts";
import type { QueueActions, QueueDiscipline } from "./discipline.ts";
import { DropTail, type DropTailOptions } from "./drop-tail.ts";
import { Red, type RedOptions } from "./red.ts";

export type QueueOptions = DropTailOptions | CoDelOptions | RedOptions;

export function createQueue<T>(options: QueueOptions, actions: QueueActions<T>, rng: Rng): QueueDiscipline<T> {
  switch (options.type) {
    case "drop-tail":
      return new DropTail(options, actions);
    case "codel":
      return new CoDel(options, actions);
    case "red":
      return new Red(options, actions, rng);
  }
}
