/** The files of test/vectors: one row per case, with the verdict of the Chromium whose version stands above them. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The root of the repository: this file runs from dist-tools/interop/oracle. */
const VECTORS = join(process.cwd(), "test", "vectors");

interface VectorFile<Row> {
  readonly chromium: string;
  readonly cases: readonly Row[];
}

/** Returns false if a verdict differs from the recorded one. */
export async function compareOrRecord<Row extends { readonly id: string }>(
  name: string,
  chromium: string,
  rows: readonly Row[],
  record: boolean,
  log: (line: string) => void,
): Promise<boolean> {
  const path = join(VECTORS, name);
  if (record) {
    await mkdir(dirname(path), { recursive: true });
    const lines = rows.map((row) => JSON.stringify(row)).join(",\n");
    await writeFile(path, `{ "chromium": ${JSON.stringify(chromium)}, "cases": [\n${lines}\n] }\n`);
    log(`${name}: ${rows.length} cases recorded, Chromium ${chromium}`);
    return true;
  }
  const recorded = JSON.parse(await readFile(path, "utf8")) as VectorFile<Row>;
  const byId = new Map(recorded.cases.map((row) => [row.id, JSON.stringify(row)]));
  const different = rows.filter((row) => byId.get(row.id) !== JSON.stringify(row));
  for (const row of different) log(`${name}: ${row.id}: ${JSON.stringify(row)}, recorded ${byId.get(row.id)}`);
  log(
    `${name}: ${rows.length - different.length} of ${rows.length} cases as recorded; ` +
      `Chromium ${chromium}, recorded with ${recorded.chromium}`,
  );
  return different.length === 0;
}
