// -c: the cookies of a run, in Netscape's format, as curl writes them.
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { describe } from "../fail.ts";
import { type Io, write } from "../io.ts";

/** As in curl, a file that cannot be written is only a warning, since the transfers themselves are done. */
export async function saveCookies(path: string, text: string, io: Io): Promise<void> {
  if (path === "-") return write(io.stdout, text);
  // Replaced atomically, because the next command often reads the same file.
  const temporary = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    io.stderr.write(
      `nagare: the cookies were not saved: ${describe(Object.assign(error as Error, { path })).message}\n`,
    );
  }
}
