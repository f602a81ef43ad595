/** Finds the place of an error in a module. Node reports the file and line of a syntax error only if it ends the process. */
import { spawnSync } from "node:child_process";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const CHECK_TIME = 10_000;

/** Returns the first line of the error's message, preceded by file and line if they can be found. */
export function moduleProblem(error: unknown, file: string): string {
  if (!(error instanceof Error)) return String(error);
  const message = `${error.name === "Error" ? "" : `${error.name}: `}${error.message.split("\n")[0]!.trim()}`;
  const place = placeIn(error.stack ?? "") ?? (error instanceof SyntaxError ? placeOfSyntaxError(file) : undefined);
  return place === undefined ? message : `${place}: ${message}`;
}

const ABOVE_SOURCE = /^ ?((?:file:\/\/)?\/[^\n]*?|[A-Z]:\\[^\n]*?):(\d+)(?::\d+)?$/gm;
const FRAME = /^ {4}at (?:[^\n]*?\()?((?:file:\/\/|\/|[A-Z]:\\)[^\n()]*?):(\d+):\d+\)?$/gm;
const OURS = fileURLToPath(new URL("..", import.meta.url));

/** Finds a line `FILE:LINE` above the source, as Node prints it, or the first stack frame in the user's own files. */
function placeIn(text: string): string | undefined {
  for (const [, where, line] of [...text.matchAll(ABOVE_SOURCE), ...text.matchAll(FRAME)]) {
    const path = where!.startsWith("file:") ? fileURLToPath(where!) : where!;
    if (path.startsWith(OURS) || path.includes("node_modules")) continue;
    const short = relative("", path);
    return `${short.startsWith("..") ? path : short}:${line}`;
  }
  return undefined;
}

/** A module graph with a syntax error runs no code, so another process can safely import it to get Node's message. */
function placeOfSyntaxError(file: string): string | undefined {
  const script = `await import(${JSON.stringify(file)})`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: CHECK_TIME,
    stdio: ["ignore", "ignore", "pipe"],
  });
  return placeIn(stderr);
}
