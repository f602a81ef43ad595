/** The site that both sides serve: files with known content, and their digests. */

import { createHash, randomFillSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const MULTIPLEXED = 200;
const ITEM_SIZE = 1_000;
/** Long enough for a key update in the middle. */
const MEDIUM_SIZE = 4 << 20;
const SUBRESOURCES = 8;
const KIB = [1, 5, 10, 100, 500, 2_048, 10_240] as const;

export interface Site {
  readonly directory: string;
  /** The path of a page with subresources. */
  readonly page: string;
  readonly subresources: number;
  readonly small: string;
  readonly medium: string;
  readonly bulk: string;
  readonly bulkSize: number;
  /** Files of these many KiB, for the cases of the public runner. */
  readonly kib: Readonly<Record<(typeof KIB)[number], string>>;
  /** 200 small files. */
  readonly items: readonly string[];
  /** Hexadecimal digests by path. */
  readonly sha256: ReadonlyMap<string, string>;
}

export function createSite(directory: string, bulkSize: number): Site {
  mkdirSync(join(directory, "items"), { recursive: true });
  const digests = new Map<string, string>();
  const put = (path: string, content: Uint8Array): string => {
    writeFileSync(join(directory, path), content);
    digests.set(path, createHash("sha256").update(content).digest("hex"));
    return path;
  };
  const putRandom = (path: string, size: number): string => put(path, randomFillSync(new Uint8Array(size)));
  const images = Array.from({ length: SUBRESOURCES }, (_, i) => put(`/image-${i}.svg`, Buffer.from(image(i))));
  return {
    directory,
    page: put("/index.html", Buffer.from(page(images))),
    subresources: SUBRESOURCES,
    small: putRandom("/small.bin", ITEM_SIZE),
    medium: putRandom("/medium.bin", MEDIUM_SIZE),
    bulk: putRandom("/bulk.bin", bulkSize),
    kib: Object.fromEntries(KIB.map((size) => [size, putRandom(`/${size}k.bin`, size << 10)])) as Site["kib"],
    bulkSize,
    items: Array.from({ length: MULTIPLEXED }, (_, i) => putRandom(`/items/${i}.bin`, ITEM_SIZE)),
    sha256: digests,
  };
}

const page = (images: readonly string[]): string =>
  [
    `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>interop</title>`,
    ...images.map((src) => `<img src="${src}" alt="">`),
  ].join("");

const image = (i: number): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="${i + 1}" cx="4" cy="4"/></svg>`;
