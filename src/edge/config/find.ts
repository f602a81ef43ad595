/** Finds a configuration file. Apart from `load.ts`, which brings the validator. */

import { statSync } from "node:fs";
import { relative, resolve } from "node:path";

/** The names that are looked for, in this order. */
const CONFIG_NAMES = [
  "nagare.config.ts",
  "nagare.config.mts",
  "nagare.config.js",
  "nagare.config.mjs",
  "nagare.config.json",
] as const;

/** The configuration file of a folder, if it has one. */
export const findConfig = (folder = "."): string | undefined =>
  CONFIG_NAMES.map((name) => relative("", resolve(folder, name))).find((path) =>
    statSync(path, { throwIfNoEntry: false })?.isFile(),
  );
