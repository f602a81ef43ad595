// The target of `nagare serve` without an argument: the current folder, if it is a site.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { usageError } from "../fail.ts";

/** What the folder of a project has, and a site does not. */
const PROJECT = ["package.json", "node_modules"];

/** Refuses a folder whose owner may not expect that everything in it is served, such as the source of a server. */
export function defaultTarget(folder = "."): string {
  const has = (name: string): boolean => existsSync(join(folder, name));
  if (!has("index.html")) {
    throw usageError("the current folder has no index.html", "name a folder or a module, or . to serve this folder");
  }
  const found = PROJECT.find(has);
  if (found !== undefined) {
    throw usageError(
      `the current folder has a ${found}, so it may hold more than a site`,
      "name the folder of the site, or . to serve all of this one",
    );
  }
  return folder;
}
