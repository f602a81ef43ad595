/** A temporary folder with the site and the certificates, for the duration of a benchmark. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CellFolder } from "../interop/cell.ts";
import { createIdentities } from "../interop/certificates.ts";
import { createSite } from "../interop/site.ts";

export interface Scratch extends CellFolder, Disposable {}

export function createScratch(bulkSize: number): Scratch {
  const directory = mkdtempSync(join(tmpdir(), "nagare-bench-"));
  return {
    directory,
    site: createSite(join(directory, "site"), bulkSize),
    identity: createIdentities(directory),
    signal: new AbortController().signal,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
