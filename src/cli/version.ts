import { readFileSync } from "node:fs";

/** The version of this package. Its manifest is two folders up, from src/ and from dist/ alike. */
export function readVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
