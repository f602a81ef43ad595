// Programs on PATH.
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Io } from "./io.ts";

/** Debian keeps servers where an ordinary user's PATH does not look. */
const ALSO = process.platform === "win32" ? [] : ["/usr/sbin", "/usr/local/sbin"];

/** The path of the first of these names that PATH holds. */
export async function findProgram(names: readonly string[], env: Io["env"]): Promise<string | undefined> {
  const folders = [...(env.PATH ?? "").split(delimiter).filter((each) => each !== ""), ...ALSO];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"] as const;
