// Files that a run reads at its beginning and replaces at its end: cookies, hosts with HSTS.
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { describe } from "../fail.ts";
import { type Io, write } from "../io.ts";
import { unreadable } from "./flags.ts";

/** A file that does not exist yet counts as empty: `-b jar -c jar` creates it. */
export async function readKept(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    return unreadable(error);
  }
}

/** As in curl, a file that cannot be written is only a warning, since the transfers themselves are done. */
export async function saveKept(path: string, what: string, text: string, io: Io): Promise<void> {
  if (path === "-") return write(io.stdout, text);
  // Replaced atomically, because the next command often reads the same file.
  const temporary = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    io.stderr.write(`nagare: ${what} were not saved: ${describe(Object.assign(error as Error, { path })).message}\n`);
  }
}
