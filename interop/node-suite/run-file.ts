/** Runs one file of Node's tests in a process of its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "../child.ts";

/** nagare/node, node:https under the same redirection, or Node without any change. */
export type ServerName = "ours" | "node" | "untouched";

export type Outcome = "pass" | "fail" | "skip" | "absent";

export interface FileRun {
  readonly outcome: Outcome;
  /** The error, or the reason of a skip. */
  readonly detail: string;
}

export interface FileOptions {
  /** The folder that contains `test`. */
  readonly source: string;
  /** The path of Node. */
  readonly node: string;
  /** Milliseconds. */
  readonly timeout: number;
}

const PRELOAD = new URL("./preload.js", import.meta.url).href;
const FLAGS = /^\/\/ Flags: (.*)$/m;
/** The test found that it cannot run here. */
const SKIP = /^1\.\.0 # Skipped: (.*)$/m;
/** The line of an uncaught error, or of an expectation that was not met. */
const ERROR = /^(?:\w*(?:Error|Exception)\b.*|Mismatched .*)$/m;

export async function runFile(name: string, server: ServerName, options: FileOptions): Promise<FileRun> {
  const { source, node, timeout } = options;
  const path = ["js", "mjs"].map((end) => join(source, "test/parallel", `test-${name}.${end}`)).find(existsSync);
  if (path === undefined) return { outcome: "absent", detail: "" };
  const flags = FLAGS.exec(readFileSync(path, "utf8"))?.[1]?.split(/\s+/) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "nagare-node-suite-"));
  const signal = AbortSignal.timeout(timeout);
  const env = { NODE_SUITE_SERVER: server, NODE_TEST_DIR: folder, NODE_COMMON_PORT: String(await freePort()) };
  const preload = server === "untouched" ? [] : ["--import", PRELOAD];
  await using child = new Child([node, ...flags, ...preload, path], { env, signal });
  try {
    await child.succeeded();
    const reason = SKIP.exec(child.stdout)?.[1];
    return reason === undefined ? { outcome: "pass", detail: "" } : { outcome: "skip", detail: reason };
  } catch (error) {
    const output = `${child.stderr}\n${child.stdout}`;
    const detail = ERROR.exec(output)?.[0] ?? String(error);
    return { outcome: "fail", detail: signal.aborted ? `no exit within ${timeout} ms; ${detail}` : detail };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A port for tests that need to know one before they listen. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
