/** The files that servers offer. A path names the size: /7-2048 is 2048 bytes long, and its content depends on the path. */

import { SeededRng } from "../../../src/base/rng.ts";

export const KB = 1024;
export const MB = 1024 * 1024;

const POOL = 64 * KB;
const pool = (() => {
  const bytes = new Uint8Array(2 * POOL);
  new SeededRng(7).fill(bytes.subarray(0, POOL));
  bytes.copyWithin(POOL, 0, POOL);
  return bytes;
})();

export interface RequestedFile {
  readonly path: string;
  readonly size: number;
}

export const files = (...sizes: number[]): RequestedFile[] =>
  sizes.map((size, index) => ({ path: `/${index}-${size}`, size }));

/** Files whose paths have this length. */
export const filesWithLongNames = (length: number, ...sizes: number[]): RequestedFile[] =>
  files(...sizes).map(({ path, size }) => ({ path: `${path}-`.padEnd(length, "x"), size }));

export function sizeOf(path: string): number {
  const size = /^\/\d+-(\d+)(?:-x*)?$/.exec(path)?.[1];
  if (size === undefined) throw new Error(`there is no file ${path}`);
  return Number(size);
}

/** Up to 64 KB of a file from an offset. The content repeats with a period that is no multiple of a packet. */
export function content(path: string, offset: number): Uint8Array {
  const start = (offset + Number.parseInt(path.slice(1), 10) * 97) % POOL;
  return pool.subarray(start, start + Math.min(POOL, sizeOf(path) - offset));
}

/** Compares what arrives with the file, in order. */
export class Download {
  readonly path: string;
  readonly size: number;
  received = 0;
  isComplete = false;

  constructor({ path, size }: RequestedFile) {
    this.path = path;
    this.size = size;
  }

  take(bytes: Uint8Array, fin: boolean): void {
    for (let at = 0; at < bytes.length; ) {
      const expected = content(this.path, this.received);
      const piece = bytes.subarray(at, at + expected.length);
      if (expected.length === 0 || Buffer.compare(piece, expected.subarray(0, piece.length)) !== 0) {
        throw new Error(`${this.path} differs after ${this.received} bytes`);
      }
      this.received += piece.length;
      at += piece.length;
    }
    if (!fin) return;
    if (this.received !== this.size) throw new Error(`${this.path} ended after ${this.received} bytes`);
    this.isComplete = true;
  }
}
