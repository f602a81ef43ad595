/**
 * Runs configuration files in Lua, by wasmoon, an optional package. A file has a budget of time and memory: one that loops,
 * throws or allocates without end fails, and what was in force stays so.
 */

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { MemcacheConfigError } from "../../../memcache/config/config.ts";
import { PRELUDE } from "./prelude.ts";

export interface LuaLimits {
  /** Milliseconds. */
  readonly time: number;
  /** Bytes. */
  readonly memory: number;
}

const DEFAULT_LIMITS: LuaLimits = { time: 5_000, memory: 64 * 1024 * 1024 };

/** Runs the files one after the other, and returns what they declared, as JSON. */
export async function runLuaFiles(
  paths: readonly string[],
  log: (line: string) => void,
  limits: LuaLimits = DEFAULT_LIMITS,
): Promise<string> {
  const { LuaFactory } = await loadWasmoon();
  const engine = await new LuaFactory().createEngine({ traceAllocations: true, enableProxy: false });
  const { global } = engine;
  try {
    global.setMemoryMax(limits.memory);
    const folder = dirname(resolve(paths[0]!));
    const readFile = (path: string): string => readFileSync(resolve(folder, path), "utf8");
    const environment = (name: string): string | undefined => process.env[name];
    const call = (source: string, name: string, ...values: unknown[]): unknown => {
      global.loadString(source, name);
      for (const value of values) global.pushValue(value);
      return global.runSync(values.length)[0];
    };
    const deadline = Date.now() + limits.time;
    global.setTimeout(deadline);
    const isLate = (): boolean => Date.now() > deadline;
    const finish = call(PRELUDE, "=nagare", readFile, log, environment, isLate) as () => string;
    for (const path of paths) {
      const source = readFile(resolve(path)).replace(/^#[^\n]*/, "");
      call(source, `@${path}`);
    }
    return finish();
  } catch (error) {
    throw new MemcacheConfigError(describeLuaError(error), { cause: error });
  } finally {
    global.close();
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
