/** Configurations in Lua, as memcached's proxy reads them. */

import type { MemcacheConfig } from "../../../memcache/config/config.ts";
import { LuaInterpreter, type LuaLimits } from "./interpreter.ts";
import type { Collected } from "./tables.ts";
import { translate } from "./translate.ts";

/** Reads Lua files, as often as they change. An interpreter whose handlers are in use stays, with its global variables. */
export class LuaConfigReader {
  readonly #paths: readonly string[];
  readonly #log: (line: string) => void;
  readonly #limits: LuaLimits | undefined;
  #interpreter: LuaInterpreter | undefined;

  constructor(paths: readonly string[], log: (line: string) => void, limits?: LuaLimits) {
    this.#paths = paths;
    this.#log = log;
    this.#limits = limits;
  }

  /** Runs the files and returns the configuration that they declare. */
  async read(): Promise<MemcacheConfig> {
    const interpreter = this.#interpreter ?? (await LuaInterpreter.create(this.#log, this.#limits));
    let isNeeded = this.#interpreter !== undefined;
    try {
      const collected = JSON.parse(interpreter.run(this.#paths)) as Collected;
      if (collected.core !== undefined || collected.has_handlers === true) isNeeded = true;
      return translate(collected, interpreter);
    } finally {
      if (isNeeded) this.#interpreter = interpreter;
      else interpreter.close();
    }
  }
}
