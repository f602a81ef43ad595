import { readFileSync } from "node:fs";

/** The package's own version: its manifest lies two folders up, from the sources and from what is built of them alike. */
export function readVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
