/** A temporary folder with the site and the certificates, for the duration of a benchmark. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CellFolder } from "../interop/cell.ts";
import { createIdentities } from "../interop/certificates.ts";
import { createSite } from "../interop/site.ts";
import { loopback, type Place } from "./place.ts";

export interface Scratch extends CellFolder, Disposable {
  /** Where servers and clients meet. */
  readonly place: Place;
}

/** Also disposes of the place. */
export function createScratch(bulkSize: number, place: Place = loopback): Scratch {
  const directory = mkdtempSync(join(tmpdir(), "nagare-bench-"));
  return {
    directory,
    site: createSite(join(directory, "site"), bulkSize),
    identity: createIdentities(directory),
    signal: new AbortController().signal,
    place,
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
      place[Symbol.dispose]();
    },
  };
}
