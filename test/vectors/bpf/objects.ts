/** The programs of examples/bpf, compiled by scripts/bpf-objects.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const objectBytes = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(import.meta.dirname, `${name}.o`)));
