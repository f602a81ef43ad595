/**
 * Runs configuration files in Lua, by wasmoon, an optional package. A file has a budget of time and memory: one that loops,
 * throws or allocates without end fails, and what was in force stays so.
 */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { LuaEngine } from "wasmoon";
import { MemcacheConfigError } from "../../../memcache/config/config.ts";
import { CORE } from "./core/index.ts";
import { PRELUDE } from "./prelude.ts";
import { LuaRuntime } from "./runtime.ts";

export interface LuaLimits {
  /** Milliseconds. */
  readonly time: number;
  /** Bytes. */
  readonly memory: number;
}

const DEFAULT_LIMITS: LuaLimits = { time: 5_000, memory: 64 * 1024 * 1024 };
const ENTRY = "nagare_entry";
/** Loads a part of the prelude. The parts share a table, which must not leave Lua: wasmoon hands out copies. */
const SHARING = `
nagare_parts = nagare_parts or { mcp = {}, settings = {} }
local source, name = ...
return assert(load(source, name))(nagare_parts, select(3, ...))`;

/** What the prelude returns. */
interface Prelude {
  begin(): void;
  finish(): string;
  attach(): string;
}

export class LuaInterpreter {
  readonly #engine: LuaEngine;
  readonly #limits: LuaLimits;
  readonly #prelude: Prelude;
  /** What the file's handlers run in. */
  readonly runtime: LuaRuntime;
  #deadline: number | undefined;
  /** The folder that a file's own reads are relative to. */
  #folder = ".";

  private constructor(engine: LuaEngine, log: (line: string) => void, limits: LuaLimits) {
    this.#engine = engine;
    this.#limits = limits;
    const { global } = engine;
    const readFile = (path: string): string => readFileSync(resolve(this.#folder, path), "utf8");
    const environment = (name: string): string | undefined => process.env[name];
    const isLate = (): boolean => this.#deadline !== undefined && Date.now() > this.#deadline;
    for (const [name, source] of CORE) this.#call(SHARING, "=nagare", source, `=${name}`);
    const now = (): number => performance.now();
    const date = (): number => Date.now();
    const host = [readFile, log, environment, isLate, now, date];
    this.#prelude = this.#call(SHARING, "=nagare", PRELUDE, "=nagare", ...host) as Prelude;
    this.#call("nagare_parts = nil", "=nagare");
    global.setMemoryMax(limits.memory);
    this.runtime = new LuaRuntime(this.#entry());
  }

  static async create(log: (line: string) => void, limits: LuaLimits = DEFAULT_LIMITS): Promise<LuaInterpreter> {
    const { LuaFactory } = await loadWasmoon();
    return new LuaInterpreter(
      await new LuaFactory().createEngine({ traceAllocations: true, enableProxy: false }),
      log,
      limits,
    );
  }

  /** Runs the files one after the other, and returns what they declared, as JSON. */
  run(paths: readonly string[]): string {
    this.#folder = dirname(resolve(paths[0]!));
    return this.#inTime(() => {
      this.#prelude.begin();
      for (const path of paths) {
        const source = readFileSync(resolve(path), "utf8").replace(/^#[^\n]*/, "");
        this.#call(source, `@${path}`);
      }
      return this.#prelude.finish();
    });
  }

  /** Attaches the file's functions to commands. Returns the tags of listeners that have some. */
  attach(): readonly string[] {
    return this.#inTime(() => this.#prelude.attach()).split(" ");
  }

  close(): void {
    this.#engine.global.close();
  }

  #inTime<T>(run: () => T): T {
    const { global } = this.#engine;
    this.#deadline = Date.now() + this.#limits.time;
    global.setTimeout(this.#deadline);
    try {
      return run();
    } catch (error) {
      throw new MemcacheConfigError(describeLuaError(error), { cause: error });
    } finally {
      this.#deadline = undefined;
      global.setTimeout(undefined);
    }
  }

  #call(source: string, name: string, ...values: unknown[]): unknown {
    const { global } = this.#engine;
    global.loadString(source, name);
    for (const value of values) global.pushValue(value);
    return global.runSync(values.length)[0];
  }

  /** Calls Lua's entry with bytes as they are: wasmoon's own strings are UTF-8. */
  #entry(): (message: Uint8Array) => Uint8Array {
    const { global } = this.#engine;
    const { lua } = global;
    const { module } = lua;
    const raw = module as unknown as {
      _malloc(size: number): number;
      _free(pointer: number): void;
      _lua_tolstring(state: number, index: number, length: number): number;
      HEAPU8: Uint8Array;
      HEAPU32: Uint32Array;
    };
    const thread = lua.lua_newthread(global.address);
    lua.lua_getglobal(thread, ENTRY);
    this.#call(`${ENTRY} = nil`, "=nagare");
    let size = 4096;
    let buffer = raw._malloc(size);
    const lengthPlace = raw._malloc(4);
    return (message) => {
      if (message.length > size) {
        raw._free(buffer);
        size = 2 * message.length;
        buffer = raw._malloc(size);
      }
      raw.HEAPU8.set(message, buffer);
      lua.lua_pushvalue(thread, 1);
      lua.lua_pushlstring(thread, buffer, message.length);
      const status = lua.lua_pcallk(thread, 1, 1, 0, 0, null);
      const place = raw._lua_tolstring(thread, -1, lengthPlace);
      const result = raw.HEAPU8.slice(place, place + raw.HEAPU32[lengthPlace >> 2]!);
      lua.lua_settop(thread, 1);
      if (status !== 0) throw new Error(Buffer.from(result).toString("latin1"));
      return result;
    };
  }
}

async function loadWasmoon(): Promise<typeof import("wasmoon")> {
  try {
    return await import("wasmoon");
  } catch (cause) {
    throw new MemcacheConfigError("configurations in Lua need a Lua interpreter: npm install wasmoon", { cause });
  }
}

/** One line, without the stack of the interpreter. */
function describeLuaError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/timeout/i.test(message)) return "the configuration ran for too long";
  return message
    .split("\nstack traceback")[0]!
    .replace(/^Error: /, "")
    .trim();
}
