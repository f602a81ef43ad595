/** An upload made of others (tus 1.0, Concatenation). */

import type { UploadStorage } from "../../host/uploads/storage.ts";
import { type Upload, type UploadRecord, UploadRefusal } from "../../http/resumable-upload/index.ts";
import type { UploadHold, UploadLocks } from "./upload-locks.ts";

/** Creates `record` with the content of its parts, all of which must be complete. Throws an `UploadRefusal`. */
export async function concatenate(
  storage: UploadStorage,
  locks: UploadLocks,
  record: UploadRecord,
  parts: readonly (string | undefined)[],
  maxSize = Number.POSITIVE_INFINITY,
): Promise<Upload> {
  const ids = parts.map((id, index) => {
    if (id === undefined) throw refusal(`part ${index + 1} is not the URL of an upload`);
    return id;
  });
  if (new Set(ids).size !== ids.length) throw refusal("a part is named twice");
  const holds: UploadHold[] = [];
  try {
    let length = 0;
    // In one order for all, so that two requests never wait for each other.
    for (const id of [...ids].sort()) holds.push(await locks.take(id));
    for (const [index, id] of ids.entries()) {
      const part = await storage.load(id);
      if (part?.record.concatenation !== "partial") throw refusal(`part ${index + 1} is not a partial upload`);
      if (part.record.state !== "complete") throw refusal(`part ${index + 1} is not complete`);
      length += part.offset;
    }
    if (length > maxSize) {
      throw new UploadRefusal(413, "TOO_LARGE", `the upload has ${length} bytes, and the limit is ${maxSize}`);
    }
    const final: UploadRecord = { ...record, length, concatenation: { parts: ids } };
    await storage.create(final);
    try {
      await storage.join!(record.id, ids);
    } catch (error) {
      await storage.remove(record.id);
      throw error;
    }
    return { record: final, offset: length };
  } finally {
    for (const hold of holds) await hold.release();
  }
}

const refusal = (message: string): UploadRefusal => new UploadRefusal(400, "CONCATENATION", message);
