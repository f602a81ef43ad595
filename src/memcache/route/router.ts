/** Chooses a route by the key's prefix and by the command. The key is not changed. */

import { find, indexOf } from "../hash/filter.ts";
import { type Command, LAST_STORAGE_COMMAND } from "../protocol/command.ts";
import { latin1, type Request, text } from "../protocol/request.ts";
import type { Route } from "./route.ts";

/** Routes by command; `all` is for commands without an entry. */
export interface CommandMap {
  readonly byCommand: ReadonlyMap<Command, Route>;
  readonly all?: Route | undefined;
}

export type RouterMode =
  /** The key up to `stop` selects the entry. */
  | { readonly mode: "prefix"; readonly stop: string }
  /** The key begins with `start`; what follows, up to `stop`, selects the entry. */
  | { readonly mode: "anchor"; readonly start: string; readonly stop: string }
  /** The pattern matches the key's beginning; its first group selects the entry. */
  | { readonly mode: "pattern"; readonly pattern: RegExp };

export interface RouterOptions {
  readonly mode: RouterMode;
  readonly map: ReadonlyMap<string, CommandMap>;
  /** For keys that no entry of the map takes, before `fallback`. */
  readonly commands: ReadonlyMap<Command, Route>;
  readonly fallback: Route | undefined;
}

/** Something that chooses routes for requests. */
export interface RequestRouter {
  /** The route of a request; undefined if none takes it. */
  routeOf(request: Request): Route | undefined;
}

export class Router implements RequestRouter {
  readonly #options: RouterOptions;
  readonly #start: Uint8Array;
  readonly #stop: Uint8Array;

  constructor(options: RouterOptions) {
    this.#options = options;
    const { mode } = options;
    this.#start = mode.mode === "anchor" ? latin1(mode.start) : new Uint8Array(0);
    this.#stop = "stop" in mode ? latin1(mode.stop) : new Uint8Array(0);
  }

  routeOf(request: Request): Route | undefined {
    const { map, commands, fallback } = this.#options;
    const { command } = request;
    if (command > LAST_STORAGE_COMMAND) return undefined;
    if (map.size > 0) {
      const prefix = this.#prefix(request);
      const entry = prefix === undefined ? undefined : map.get(prefix);
      const route = entry?.byCommand.get(command) ?? entry?.all;
      if (route !== undefined) return route;
    }
    return commands.get(command) ?? fallback;
  }

  #prefix(request: Request): string | undefined {
    const { mode } = this.#options;
    if (mode.mode === "pattern") return mode.pattern.exec(request.key)?.[1];
    const { bytes, keyStart, keyEnd } = request;
    const start = keyStart + this.#start.length;
    if (this.#start.length > 0 && find(bytes, this.#start, keyStart, Math.min(start, keyEnd)) !== keyStart)
      return undefined;
    const stop = this.#stop;
    const end = stop.length === 1 ? indexOf(bytes, stop[0]!, start, keyEnd) : find(bytes, stop, start, keyEnd);
    return end > start ? text(bytes, start, end) : undefined;
  }
}
