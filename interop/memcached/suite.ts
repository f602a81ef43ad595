/** memcached's own proxy tests (`t/proxy*.t` of its source package) against our proxy, in a scratch copy. */

import { spawn } from "node:child_process";
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CAUSES, LEFT_OUT, STOPS, UNSUPPORTED } from "./suite-causes.ts";

const SHIM = fileURLToPath(new URL("./shim.js", import.meta.url));
const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
/** Milliseconds without another line after which a test is ended. */
const PATIENCE = 15_000;

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: readonly string[];
  /** What was done to the copy or why the file did not run, and why it did not reach its end. */
  readonly notes: readonly string[];
}

export async function runSuite(
  source: string,
  names: readonly string[],
  folder: string,
  report: (result: FileResult) => void,
): Promise<void> {
  for (const part of ["t", "timedrun", "sizes"]) cpSync(join(source, part), join(folder, part), { recursive: true });
  const program = join(folder, "memcached-debug");
  const real = join(source, "memcached-debug");
  const ours = `exec ${process.execPath} ${SHIM} ${CLI} "$@"`;
  writeFileSync(program, `#!/bin/sh\ncase "$*" in *proxy_config=*) ${ours};; *) exec ${real} "$@";; esac\n`);
  chmodSync(program, 0o755);
  const files = readdirSync(join(folder, "t")).filter((name) => /^proxy.*\.t$/.test(name));
  for (const name of files.sort()) {
    const file = basename(name, ".t");
    if (names.length > 0 && !names.includes(file)) continue;
    const reason = UNSUPPORTED[file];
    if (reason !== undefined) report({ file, passed: 0, failed: [], notes: [`not run: ${reason}`] });
    else report(await runFile(folder, file));
  }
}

async function runFile(folder: string, file: string): Promise<FileResult> {
  const path = join(folder, "t", `${file}.t`);
  const notes: string[] = [];
  for (const { file: of, text, reason } of LEFT_OUT) {
    if (of !== file) continue;
    const before = readFileSync(path, "utf8");
    if (!before.includes(text)) throw new Error(`${file}.t has no longer the line ${text}`);
    writeFileSync(path, before.replace(text, ""));
    notes.push(`without ${text.trim()}: ${reason}`);
  }
  const { output, isLate } = await run(folder, path);
  const results = [...output.matchAll(/^(not )?ok \d+(?: - (.*))?$/gm)];
  const isExpected = STOPS[file] !== undefined;
  if (isLate) notes.push(`stopped after its last result: ${STOPS[file] ?? "unexpectedly"}`);
  return {
    file,
    passed: results.filter(([, failed]) => failed === undefined).length,
    failed: [
      ...results.filter(([, failed]) => failed !== undefined).map(([, , name = ""]) => name),
      ...(isLate && !isExpected ? ["reaching its end"] : []),
    ],
    notes,
  };
}

/** Runs a test until it ends, or until it has said nothing for a while. */
function run(cwd: string, path: string): Promise<{ readonly output: string; readonly isLate: boolean }> {
  return new Promise((resolve, reject) => {
    // A group of its own, since the tests start servers.
    const child = spawn("perl", [path], { cwd, detached: true, stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    let isLate = false;
    const stop = (): void => {
      isLate = true;
      process.kill(-child.pid!, "SIGKILL");
    };
    let timer = setTimeout(stop, PATIENCE);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      clearTimeout(timer);
      timer = setTimeout(stop, PATIENCE);
    });
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(timer);
      resolve({ output, isLate });
    });
  });
}

/** The cause of a failure; undefined if it is not known. */
export const causeOf = (file: string, name: string): string | undefined =>
  CAUSES.find(({ file: of, names }) => of === file && (names === "all" || names.includes(name)))?.cause;
