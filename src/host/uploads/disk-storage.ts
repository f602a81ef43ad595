/**
 * Uploads in a folder. An incomplete upload is two files in `.uploads/`: `ID.bin`, its content, whose size is the offset,
 * and `ID.json`, its record. A finished one is a file in the folder itself, under the name that the client gave if it is
 * free and safe; its record stays until it expires, so that a client whose response got lost learns of it.
 *
 * What survives: content is synced to the disk before its offset is told, and a record is replaced by a rename after it
 * was synced, as is the folder. A process that is killed at any point leaves whole records, and content of which a prefix
 * is right; what lies after the last told offset may be there or not.
 */

import { createReadStream } from "node:fs";
import { copyFile, type FileHandle, link, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { safeFileName, type Upload, type UploadRecord } from "../../http/resumable-upload/index.ts";
import { describeFault, type Fault, reportFault } from "../guard.ts";
import { makeDirectory } from "../kept-file.ts";
import { DiskLocks } from "./disk-locks.ts";
import { type ListedUpload, UploadExistsError, type UploadStorage, type UploadWriter } from "./storage.ts";
import { touchedAt } from "./touched-at.ts";

/** How a folder keeps uploads. */
export interface DiskUploadOptions {
  /** Where finished files go; incomplete ones are in `.uploads/` below it. Created if it does not exist. */
  readonly directory: string;
  /** False to name finished files by the upload's id. Default: the client's name, made safe and unique. */
  readonly keepNames?: boolean | undefined;
  /** Called with a line for each internal fault. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Files without a record are left over from a crash during creation, once they are this old, in milliseconds. */
const ORPHAN_AGE = 3_600_000;
const COPY_CHUNK = 1 << 20;

/** Keeps uploads in a folder of this machine. Several processes may use it at a time. */
export class DiskUploadStorage implements UploadStorage {
  readonly canTruncate = true;
  readonly #directory: string;
  readonly #folder: string;
  readonly #keepNames: boolean;
  readonly #locks: DiskLocks;
  #isReady: Promise<void> | undefined;

  constructor({ directory, keepNames = true, log }: DiskUploadOptions) {
    this.#directory = resolve(directory);
    this.#folder = join(this.#directory, ".uploads");
    this.#keepNames = keepNames;
    const onFault = (fault: Fault): void => (log === undefined ? reportFault(fault) : log(describeFault(fault)));
    this.#locks = new DiskLocks(this.#folder, onFault);
  }

  async create(record: UploadRecord): Promise<void> {
    this.#isReady ??= makeDirectory(this.#folder);
    await this.#isReady;
    try {
      await (await open(this.#content(record.id), "wx", 0o600)).close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw new UploadExistsError(`${record.id} exists`);
      throw error;
    }
    try {
      // The record comes last: an upload with a record has content too.
      await this.save(record);
    } catch (error) {
      await rm(this.#content(record.id), { force: true }).catch(() => undefined);
      throw error;
    }
  }

  async load(id: string): Promise<Upload | undefined> {
    const record = await this.#record(id);
    if (record === undefined) return undefined;
    if (record.state === "complete") return { record, offset: record.length! };
    try {
      const { size } = await stat(this.#content(id));
      return { record, offset: Math.min(size, record.uncheckedFrom ?? size) };
    } catch (error) {
      if (isMissing(error)) return record.state === "invalid" ? { record, offset: 0 } : undefined;
      throw error;
    }
  }

  async save(record: UploadRecord): Promise<void> {
    const path = this.#info(record.id);
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      const handle = await open(temporary, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify(record));
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncFolder(this.#folder);
  }

  async open(id: string, offset: number): Promise<UploadWriter> {
    const handle = await open(this.#content(id), "r+");
    try {
      if ((await handle.stat()).size > offset) {
        await handle.truncate(offset);
        await handle.datasync();
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new FileWriter(handle, offset);
  }

  read(id: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.#content(id), { highWaterMark: COPY_CHUNK });
  }

  async join(id: string, parts: readonly string[]): Promise<void> {
    // The first part may share its blocks with the copy, where the file system can do that.
    await copyFile(this.#content(parts[0]!), this.#content(id), 2 /* COPYFILE_FICLONE */);
    const { size } = await stat(this.#content(id));
    const writer = await this.open(id, size);
    try {
      for (const part of parts.slice(1)) for await (const chunk of this.read(part)) await writer.write([chunk]);
    } finally {
      await writer.close();
    }
  }

  async finish(record: UploadRecord): Promise<UploadRecord> {
    const content = this.#content(record.id);
    const { ino } = await stat(content);
    const names = record.file === undefined ? this.#names(record) : [record.file, ...this.#names(record)];
    for (const file of names) {
      // The name is known before the file exists, so that a crash between the two leaves no second copy.
      const named = { ...record, file };
      if (record.file !== file) await this.save(named);
      try {
        // Unlike a rename, a link replaces no other file.
        await link(content, join(this.#directory, file));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        if ((await stat(join(this.#directory, file))).ino !== ino) continue;
      }
      await syncFolder(this.#directory);
      return named;
    }
    throw new Error(`no free name for upload ${record.id}`);
  }

  pathOf({ file }: UploadRecord): string | undefined {
    return file === undefined ? undefined : join(this.#directory, file);
  }

  async remove(id: string): Promise<void> {
    // The record goes first: what is left without one does not exist.
    await rm(this.#info(id), { force: true });
    await rm(this.#content(id), { force: true });
    await syncFolder(this.#folder).catch(() => undefined);
  }

  /** Drops the content of a finished upload: its file is a link to the same data. */
  async dropContent(id: string): Promise<void> {
    await rm(this.#content(id), { force: true });
  }

  async *list(): AsyncIterable<ListedUpload> {
    const names = await readdir(this.#folder).catch(() => [] as string[]);
    const known = new Set(names);
    for (const name of names) {
      const id = name.split(".")[0]!;
      if (name.endsWith(".json")) {
        const record = await this.#record(id).catch(() => undefined);
        if (record === undefined) continue;
        const times = await Promise.all([this.#info(id), this.#content(id)].map(touchedAt));
        yield { id, touchedAt: Math.max(times[0] ?? 0, times[1] ?? 0), isComplete: record.state === "complete" };
      } else if (name.endsWith(".tmp") || (name.endsWith(".bin") && !known.has(`${id}.json`))) {
        const path = join(this.#folder, name);
        const age = Date.now() - ((await touchedAt(path)) ?? 0);
        if (age > ORPHAN_AGE) await rm(path, { force: true }).catch(() => undefined);
      }
    }
  }

  lock(id: string, onWanted: () => void): Promise<{ release(): Promise<void> } | undefined> {
    return this.#locks.take(id, onWanted);
  }

  /** In order of preference. */
  #names({ id, metadata }: UploadRecord): string[] {
    const name = this.#keepNames ? safeFileName(metadata.name) : undefined;
    if (name === undefined) return [id];
    const dot = name.lastIndexOf(".");
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
    return [name, `${stem}-${id.slice(0, 8)}${extension}`, id];
  }

  async #record(id: string): Promise<UploadRecord | undefined> {
    try {
      return JSON.parse(await readFile(this.#info(id), "utf8")) as UploadRecord;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  #content(id: string): string {
    return join(this.#folder, `${id}.bin`);
  }

  #info(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

class FileWriter implements UploadWriter {
  readonly #handle: FileHandle;
  #offset: number;
  #durable: number;

  constructor(handle: FileHandle, offset: number) {
    this.#handle = handle;
    this.#offset = offset;
    this.#durable = offset;
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, this.#offset);
      this.#offset += bytesWritten;
      // A nearly full disk takes less than it was given, and refuses the next call.
      rest = after(rest, bytesWritten);
    }
  }

  async flush(): Promise<number> {
    if (this.#durable !== this.#offset) {
      const offset = this.#offset;
      // A failed sync may have lost anything since the last one, so nothing of it counts.
      await this.#handle.datasync();
      this.#durable = offset;
    }
    return this.#durable;
  }

  async close(): Promise<number> {
    try {
      return await this.flush();
    } catch (error) {
      await this.#handle.truncate(this.#durable).catch(() => undefined);
      throw error;
    } finally {
      await this.#handle.close();
    }
  }
}

function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.byteLength) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.byteLength;
  }
  return [];
}

/** Makes renames and links in a folder durable. Windows cannot open folders, and needs not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";
