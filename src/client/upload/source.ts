/** What is uploaded: a file, a Blob, or anything that can be read from any byte. */

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import mime from "mime/lite";

/** A file to upload: its path, a Blob or File, or a source of your own. */
export type UploadSource = string | Blob | UploadContent;

/** Content that can be read from any byte, more than once. */
export interface UploadContent {
  /** Bytes. */
  readonly length: number;
  /** The bytes from `start` up to, and without, `end`. */
  open(start: number, end: number): AsyncIterable<Uint8Array>;
  /** The file's name. */
  readonly name?: string | undefined;
  /** Its media type. */
  readonly type?: string | undefined;
  /** Tells contents apart, so that another process finds the upload that it began. Without it, uploads end with the process. */
  readonly fingerprint?: string | undefined;
}

/** Rejects with the error of the file system if a path cannot be read. */
export async function contentOf(source: UploadSource): Promise<UploadContent> {
  if (typeof source !== "string") return source instanceof Blob ? blobContent(source) : source;
  const facts = await stat(source, { bigint: true });
  if (!facts.isFile()) {
    throw Object.assign(new Error(`${source} is not a file`), {
      code: facts.isDirectory() ? "EISDIR" : "EINVAL",
      path: source,
    });
  }
  const path = resolve(source);
  return {
    length: Number(facts.size),
    name: basename(path),
    type: mime.getType(path) ?? undefined,
    // A file that was changed is another one.
    fingerprint: [path, facts.size, facts.mtimeNs, facts.ino].join(" "),
    open: (start, end) =>
      start === end ? nothing() : createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 }),
  };
}

const blobContent = (blob: Blob): UploadContent => ({
  length: blob.size,
  name: "name" in blob && typeof blob.name === "string" ? blob.name : undefined,
  type: blob.type === "" ? undefined : blob.type,
  open: (start, end) => blob.slice(start, end).stream() as unknown as AsyncIterable<Uint8Array>,
});

async function* nothing(): AsyncIterable<Uint8Array> {}
