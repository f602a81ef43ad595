/** Runs one file of undici's tests in a process of its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Child } from "../child.ts";
import { MARK, type TestLine } from "./reporter.ts";

/** undici's own agent, ours by install(), or ours over one protocol. */
export const OVER = ["undici", "install", "http/1.1", "h2", "h3"] as const;
export type Over = (typeof OVER)[number];

/** Whose fetch: that of the sources, or Node's. */
export type FetchName = "own" | "global";

export interface FileOptions {
  /** A checkout of undici. */
  readonly source: string;
  /** The path of Node. */
  readonly node: string;
  readonly fetch: FetchName;
  /** Milliseconds. */
  readonly timeout: number;
}

const PRELOAD = new URL("./preload.js", import.meta.url).href;
const REPORTER = new URL("./reporter.js", import.meta.url).href;

/** The name of the test that stands for the end of the process. */
export const EXIT = "(exit)";

/** Undefined if the sources do not have the file. */
export async function runFile(name: string, over: Over, options: FileOptions): Promise<TestLine[] | undefined> {
  const { source, node, timeout, fetch } = options;
  const path = join(source, "test/fetch", `${name}.js`);
  if (!existsSync(path)) return undefined;
  const signal = AbortSignal.timeout(timeout);
  const env = { UNDICI_SUITE_OVER: over, UNDICI_SUITE_FETCH: fetch, UNDICI_SUITE_SOURCE: source };
  const command = [node, "--expose-gc", `--test-reporter=${REPORTER}`, "--import", PRELOAD, path];
  await using child = new Child(command, { env, signal, cwd: source });
  let exit = "";
  try {
    await child.succeeded();
  } catch (error) {
    exit = signal.aborted ? `no exit within ${timeout} ms` : `${error}\n${child.stderr}`.slice(0, 600);
  }
  const tests = child.stdout
    .split("\n")
    .filter((line) => line.startsWith(MARK))
    .map((line) => JSON.parse(line.slice(MARK.length)) as TestLine);
  // A failed test explains the exit code.
  const isExplained = exit === "" || (!signal.aborted && tests.some(({ outcome }) => outcome === "fail"));
  return [...tests, { name: EXIT, outcome: isExplained ? "pass" : "fail", detail: exit }];
}
