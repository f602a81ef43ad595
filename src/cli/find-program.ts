// Finds programs on PATH.
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Io } from "./io.ts";

/** Folders for servers on Debian, which are not on an ordinary user's PATH. */
const EXTRA_FOLDERS = process.platform === "win32" ? [] : ["/usr/sbin", "/usr/local/sbin"];

/** Returns the path of the first of these names that is found on PATH. */
export async function findProgram(names: readonly string[], env: Io["env"]): Promise<string | undefined> {
  const folders = [...(env.PATH ?? "").split(delimiter).filter((each) => each !== ""), ...EXTRA_FOLDERS];
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

export const CHROMIUM = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"] as const;
