/** The DataStores of tus-node-server (@tus/server 2: @tus/s3-store, @tus/gcs-store, @tus/file-store) as a storage. */

import { Readable } from "node:stream";
import { UploadExistsError, type UploadStorage, type UploadWriter } from "../../host/uploads/storage.ts";
import type { Upload, UploadRecord } from "../../http/resumable-upload/index.ts";

/** An upload in the words of @tus/utils. */
export interface DataStoreUpload {
  id: string;
  size?: number | undefined;
  offset: number;
  metadata?: Record<string, string | null> | undefined;
  creation_date?: string | undefined;
  readonly sizeIsDeferred: boolean;
}

/** What this needs of a DataStore of @tus/server. */
export interface DataStoreLike {
  /** Stores a new upload without content. */
  // biome-ignore lint/suspicious/noExplicitAny: each version of @tus/utils has its own class Upload.
  create(upload: any): Promise<unknown>;
  /** Rejects with an error whose `status_code` is 404 or 410 if there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: the same.
  getUpload(id: string): Promise<any>;
  /** Appends at an offset, in bytes. Resolves with the new offset. */
  write(stream: Readable, id: string, offset: number): Promise<number>;
  /** Deletes an upload. */
  remove(id: string): Promise<void>;
  /** Sets the length, in bytes, of an upload that was created without one. */
  declareUploadLength(id: string, length: number): Promise<void>;
  /** Reads an upload from its first byte. */
  read?(id: string): Readable | Promise<Readable>;
}

/** The key of our record among an upload's metadata. */
const RECORD = "nagare";
/** Records that changed since their creation, which a DataStore does not keep. */
const MAX_CHANGED = 10_000;

/**
 * Keeps uploads in a DataStore. Content is durable once a request ends, not while it arrives. Responses of complete
 * uploads are repeated only by this process, and digests of single requests are not checked.
 */
export function dataStoreStorage(store: DataStoreLike): UploadStorage {
  const changed = new Map<string, UploadRecord>();
  const load = async (id: string): Promise<Upload | undefined> => {
    const upload = await find(store, id);
    if (upload === undefined) return undefined;
    const given = changed.get(id) ?? recordOf(upload);
    const length = upload.size ?? given.length;
    const isComplete = given.state === "open" && upload.size !== undefined && upload.offset === upload.size;
    // With everything stored, the DataStore itself has finished the object.
    return { record: { ...given, length, state: isComplete ? "complete" : given.state }, offset: upload.offset };
  };
  return {
    canTruncate: false,
    create: async (record) => {
      if ((await find(store, record.id)) !== undefined) throw new UploadExistsError(`${record.id} exists`);
      await store.create(uploadOf(record));
    },
    load,
    save: async (record) => {
      const upload = await find(store, record.id);
      if (upload !== undefined && upload.size === undefined && record.length !== undefined) {
        await store.declareUploadLength(record.id, record.length);
        // A DataStore finishes an object while it writes.
        if (upload.offset === record.length) await store.write(Readable.from([]), record.id, record.length);
      }
      changed.delete(record.id);
      changed.set(record.id, record);
      if (changed.size > MAX_CHANGED) changed.delete(changed.keys().next().value!);
    },
    open: async (id, offset) => new DataStoreWriter(store, id, offset),
    read: (id) => contentOf(store, id),
    remove: async (id) => {
      changed.delete(id);
      if ((await find(store, id)) !== undefined) await store.remove(id);
    },
    // A DataStore lists nothing: it expires its uploads itself.
    list: async function* () {},
  };
}

async function* contentOf(store: DataStoreLike, id: string): AsyncIterable<Uint8Array> {
  if (store.read === undefined) throw new Error("this DataStore cannot be read");
  yield* (await store.read(id)) as AsyncIterable<Uint8Array>;
}

async function find(store: DataStoreLike, id: string): Promise<DataStoreUpload | undefined> {
  try {
    return (await store.getUpload(id)) as DataStoreUpload;
  } catch (error) {
    // @tus/server's errors for "not found" and "gone".
    const { status_code: status } = error as { readonly status_code?: number };
    if (status === 404 || status === 410) return undefined;
    throw error;
  }
}

function uploadOf(record: UploadRecord): DataStoreUpload {
  const { metadata } = record;
  return {
    id: record.id,
    size: record.length,
    offset: 0,
    creation_date: new Date(record.createdAt).toISOString(),
    metadata: {
      ...metadata.more,
      ...(metadata.name === undefined ? {} : { filename: metadata.name }),
      ...(metadata.type === undefined ? {} : { filetype: metadata.type, contentType: metadata.type }),
      [RECORD]: JSON.stringify(record),
    },
    get sizeIsDeferred() {
      return this.size === undefined;
    },
  };
}

function recordOf(upload: DataStoreUpload): UploadRecord {
  const own = upload.metadata?.[RECORD];
  if (typeof own === "string") return JSON.parse(own) as UploadRecord;
  // Created by @tus/server before it was replaced.
  const more = Object.fromEntries(Object.entries(upload.metadata ?? {}).map(([key, value]) => [key, value ?? ""]));
  return {
    id: upload.id,
    profile: "tus",
    method: "POST",
    state: "open",
    length: upload.size,
    metadata: { name: more.filename, type: more.filetype, more },
    createdAt: upload.creation_date === undefined ? 0 : Date.parse(upload.creation_date),
  };
}

/** One call of the DataStore's `write` for all content of a request. */
class DataStoreWriter implements UploadWriter {
  readonly #store: DataStoreLike;
  readonly #id: string;
  readonly #from: number;
  #done: Promise<number> | undefined;
  /** Chunks that the store has not taken, and who waits for that. */
  #offered: { readonly chunks: readonly Uint8Array[]; readonly taken: () => void } | undefined;
  #wake: (() => void) | undefined;
  #hasEnded = false;

  constructor(store: DataStoreLike, id: string, offset: number) {
    this.#store = store;
    this.#id = id;
    this.#from = offset;
  }

  /** Waits while the store is slower than the client. */
  async write(chunks: readonly Uint8Array[]): Promise<void> {
    this.#done ??= this.#store.write(Readable.from(this.#content(), { objectMode: false }), this.#id, this.#from);
    const taken = new Promise<void>((resolve) => {
      this.#offered = { chunks, taken: resolve };
    });
    this.#wake?.();
    // The store may fail, and then takes nothing more.
    await Promise.race([taken, this.#done]);
  }

  async flush(): Promise<number> {
    return this.#from;
  }

  async close(): Promise<number> {
    this.#hasEnded = true;
    this.#wake?.();
    return this.#done ?? this.#from;
  }

  async *#content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const offered = this.#offered;
      this.#offered = undefined;
      if (offered !== undefined) {
        // Copies: the stream in between holds them for longer than the contract of `write` allows.
        for (const chunk of offered.chunks) yield Uint8Array.from(chunk);
        offered.taken();
      } else if (this.#hasEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
