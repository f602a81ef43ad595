/** The end of an upload: its digest, its place, the application's response, and the record that says so. */

import { createHash } from "node:crypto";
import { fieldsOf } from "../../host/http/plain-response.ts";
import {
  DIGEST_ALGORITHMS,
  reprDigest,
  type StoredResponse,
  type Upload,
  type UploadRecord,
  UploadRefusal,
  wantedDigest,
} from "../../http/resumable-upload/index.ts";
import type { UploadCall } from "./call.ts";
import { uploadInfo } from "./info.ts";
import type { UploadActionName, UploadSettings } from "./options.ts";
import { digestMismatch } from "./receive.ts";

/** A larger response is sent once, and not kept. */
const MAX_KEPT = 64 * 1024;

type Authorize = (action: UploadActionName, id: string, metadata: UploadRecord["metadata"]) => Promise<void>;

export class Completion {
  readonly #settings: UploadSettings;

  constructor(settings: UploadSettings) {
    this.#settings = settings;
  }

  /** The whole content is stored durably. Rejects with an `UploadRefusal` if the upload is not accepted. */
  async run(call: UploadCall, upload: Upload, authorize: Authorize): Promise<Upload> {
    const { storage } = this.#settings;
    const { id, metadata } = upload.record;
    // A permission may have ended while the content arrived.
    await authorize("complete", id, metadata);
    let record: UploadRecord = { ...upload.record, length: upload.offset };
    const digestFields = await this.#checkDigest(call, record);
    if (record.concatenation !== "partial") {
      if (storage.finish !== undefined) record = await storage.finish(record);
      record = { ...record, response: await this.#respond(call, { ...upload, record }, digestFields) };
    }
    record = { ...record, state: "complete" };
    await storage.save(record);
    // Only now: after a crash before this, all of it is done again.
    if (record.file !== undefined) await storage.dropContent?.(id);
    return { record, offset: upload.offset };
  }

  /** Computes digests only if someone wants one. Returns the fields for the response. */
  async #checkDigest(call: UploadCall, record: UploadRecord): Promise<StoredResponse["fields"]> {
    const wanted = wantedDigest(call.fields);
    const { reprDigest: expected } = record;
    if (wanted === undefined && expected === undefined) return [];
    const names = new Set<string>();
    if (wanted !== undefined) names.add(DIGEST_ALGORITHMS[wanted]);
    if (expected !== undefined) names.add(expected.hash);
    const hashes = new Map([...names].map((name) => [name, createHash(name)]));
    for await (const chunk of this.#settings.storage.read(record.id)) {
      for (const hash of hashes.values()) hash.update(chunk);
    }
    const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest("base64")]));
    if (expected !== undefined && digests.get(expected.hash) !== expected.value) {
      await this.#settings.storage.save({ ...record, state: "invalid" });
      await (await this.#settings.storage.open(record.id, 0)).close();
      throw digestMismatch("the whole upload");
    }
    return wanted === undefined ? [] : [reprDigest(wanted, digests.get(DIGEST_ALGORITHMS[wanted])!)];
  }

  async #respond(
    call: UploadCall,
    upload: Upload,
    digestFields: StoredResponse["fields"],
  ): Promise<StoredResponse | undefined> {
    const response = await this.#settings.onComplete?.(uploadInfo(this.#settings, call, upload));
    if (response === undefined) return digestFields.length === 0 ? undefined : { status: 201, fields: digestFields };
    const content = new Uint8Array(await response.arrayBuffer());
    if (content.byteLength > MAX_KEPT) {
      throw new UploadRefusal(500, "HOOK_FAILED", `the response of onComplete has more than ${MAX_KEPT} bytes`);
    }
    const fields = [...fieldsOf(response)].filter(([name]) => name !== "content-length") as StoredResponse["fields"];
    return {
      status: response.status,
      fields: [...fields, ...digestFields],
      content: content.byteLength === 0 ? undefined : Buffer.from(content).toString("base64"),
    };
  }
}
