/** Where a module went wrong: Node keeps file and line of a syntax error to itself until the process dies of it. */
import { spawnSync } from "node:child_process";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const CHECK_TIME = 10_000;

/** The first line of the error's message, after file and line where they can be found. */
export function moduleProblem(error: unknown, file: string): string {
  if (!(error instanceof Error)) return String(error);
  const message = `${error.name === "Error" ? "" : `${error.name}: `}${error.message.split("\n")[0]!.trim()}`;
  const place = placeIn(error.stack ?? "") ?? (error instanceof SyntaxError ? placeOfSyntaxError(file) : undefined);
  return place === undefined ? message : `${place}: ${message}`;
}

const ABOVE_SOURCE = /^ ?((?:file:\/\/)?\/[^\n]*?|[A-Z]:\\[^\n]*?):(\d+)(?::\d+)?$/gm;
const FRAME = /^ {4}at [^\n]*?\(?(file:\/\/[^\n()]*?):(\d+):\d+\)?$/gm;
const OURS = fileURLToPath(new URL("..", import.meta.url));

/** Node's notation: a line `FILE:LINE` above the source, or the first frame of a stack in the user's own files. */
function placeIn(text: string): string | undefined {
  for (const [, where, line] of [...text.matchAll(ABOVE_SOURCE), ...text.matchAll(FRAME)]) {
    const path = where!.startsWith("file:") ? fileURLToPath(where!) : where!;
    if (path.startsWith(OURS) || path.includes("node_modules")) continue;
    const near = relative("", path);
    return `${near.startsWith("..") ? path : near}:${line}`;
  }
  return undefined;
}

/** A module graph with a syntax error runs nothing, so another process may import it to read what Node says. */
function placeOfSyntaxError(file: string): string | undefined {
  const script = `await import(${JSON.stringify(file)})`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: CHECK_TIME,
    stdio: ["ignore", "ignore", "pipe"],
  });
  return placeIn(stderr);
}
