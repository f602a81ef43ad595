/** What the service does for each kind of request: creates, appends, retrieves, cancels, completes. */

import { createHash, randomBytes } from "node:crypto";
import { httpDate } from "../../host/date.ts";
import { isNoRoom, UploadExistsError } from "../../host/uploads/storage.ts";
import {
  type Answer,
  type AppendIntent,
  appendedAnswer,
  type CreateIntent,
  cancelledAnswer,
  completedAnswer,
  createdAnswer,
  invalidates,
  type Profile,
  planAppend,
  planCreation,
  progressInterim,
  Reception,
  type ReceptionPlan,
  retrievedAnswer,
  supportedInterim,
  type Upload,
  type UploadIntent,
  type UploadRecord,
  UploadRefusal,
  type UploadView,
  unknownUpload,
  withEarlyFlag,
} from "../../http/resumable-upload/index.ts";
import type { UploadBody, UploadCall } from "./call.ts";
import { Completion } from "./completion.ts";
import { concatenate } from "./concatenation.ts";
import { headersOf, uploadInfo } from "./info.ts";
import { idInPath, locationOf, nameInPath } from "./locations.ts";
import type { UploadActionName, UploadInfo, UploadSettings } from "./options.ts";
import { receive } from "./receive.ts";
import { type UploadHold, UploadLocks } from "./upload-locks.ts";

const NO_CONTENT: UploadBody = { hasContent: false, next: async () => undefined };

export class Uploads {
  readonly settings: UploadSettings;
  readonly locks: UploadLocks;
  /** Uploads that are not complete. The sweep corrects it. */
  openUploads = 0;
  readonly #completion: Completion;

  constructor(settings: UploadSettings) {
    this.settings = settings;
    this.locks = new UploadLocks(settings.storage);
    this.#completion = new Completion(settings);
  }

  /** Answers a request that is not OPTIONS. Rejects with an `UploadRefusal`, or a fault. `seen` receives the upload. */
  async answer(call: UploadCall, intent: UploadIntent, seen: (view: UploadView) => void): Promise<Answer> {
    switch (intent.kind) {
      case "create":
        return this.#create(call, intent, seen);
      case "append":
        return this.#withUpload(call, intent, "append", seen, (upload, hold) =>
          this.#append(call, intent, upload, hold, seen),
        );
      case "retrieve":
        return this.#withUpload(call, intent, "retrieve", seen, (upload) =>
          this.#retrieve(call, intent.profile, upload),
        );
      case "cancel":
        return this.#withUpload(call, intent, "cancel", seen, (upload) => this.#cancel(intent.profile, upload));
      case "options":
        throw new Error("OPTIONS is answered without an upload");
    }
  }

  // ---- Creation

  async #create(call: UploadCall, intent: CreateIntent, seen: (view: UploadView) => void): Promise<Answer> {
    const { settings } = this;
    const { storage } = settings;
    const { profile, metadata: given } = intent;
    const metadata = given.name === undefined ? { ...given, name: nameInPath(call) } : given;
    await this.#authorize(call, "create", undefined, metadata);
    const plan = planCreation(intent, settings.limits);
    if (this.openUploads >= settings.maxUploads) {
      throw new UploadRefusal(503, "TOO_MANY", `${settings.maxUploads} uploads are incomplete, which is the limit`, {
        fields: [["retry-after", "60"]],
      });
    }
    const id = intent.token === undefined ? randomBytes(16).toString("hex") : idOfToken(intent.token);
    const record: UploadRecord = {
      id,
      profile: profile.name,
      method: intent.method,
      state: "open",
      length: plan.length,
      metadata,
      reprDigest:
        intent.reprDigest === undefined
          ? undefined
          : { hash: intent.reprDigest.hash, value: Buffer.from(intent.reprDigest.value).toString("base64") },
      concatenation: intent.concatenation?.kind === "partial" ? "partial" : undefined,
      createdAt: settings.clock.date(),
    };
    // A second client with the same token must not end the transfer of the first.
    if (intent.token !== undefined && (await storage.load(id)) !== undefined) {
      throw await this.#exists(call, profile, id, seen);
    }
    const hold = await this.locks.take(id);
    try {
      await settings.onCreate?.(this.#info(call, { record, offset: 0 }));
      if (intent.concatenation?.kind === "final") return await this.#concatenated(call, intent, record);
      try {
        await storage.create(record);
      } catch (error) {
        throw error instanceof UploadExistsError ? await this.#exists(call, profile, id, seen) : error;
      }
      this.openUploads += 1;
      const view = this.#view(call, { record, offset: 0 });
      seen(view);
      if (intent.informs) call.inform(supportedInterim(profile, view));
      return await this.#receive(call, intent, plan, view, hold, seen, intent.contentLength !== 0);
    } finally {
      await hold.release();
    }
  }

  /** The early drafts, §4: a token that is in use names an upload that exists. */
  async #exists(
    call: UploadCall,
    profile: Profile,
    id: string,
    seen: (view: UploadView) => void,
  ): Promise<UploadRefusal> {
    const upload = await this.settings.storage.load(id);
    if (upload !== undefined && profile.naming === "token") seen(this.#view(call, upload));
    return new UploadRefusal(
      409,
      "UPLOAD_EXISTS",
      "there is an upload with this token: resume it, or choose another token",
    );
  }

  async #concatenated(call: UploadCall, intent: CreateIntent, record: UploadRecord): Promise<Answer> {
    const { concatenation } = intent;
    if (concatenation?.kind !== "final") throw new Error("a final upload has parts");
    const { storage, limits } = this.settings;
    if (storage.join === undefined) {
      throw new UploadRefusal(400, "CONCATENATION", "this storage cannot join uploads");
    }
    const parts = concatenation.parts.map((url) => idInPath(url));
    const joined = await concatenate(storage, this.locks, record, parts, limits.maxSize);
    const upload = await this.#completion.run(call, joined, (action, id, metadata) =>
      this.#authorize(call, action, id, metadata),
    );
    return completedAnswer(intent.profile, this.#view(call, upload), true);
  }

  // ---- Append

  async #append(
    call: UploadCall,
    intent: AppendIntent,
    upload: Upload,
    hold: UploadHold,
    seen: (view: UploadView) => void,
  ): Promise<Answer> {
    const { profile } = intent;
    const { record, offset } = upload;
    // A client that lost the response of its last request sends it again, without content.
    const isFinal = typeof record.concatenation === "object";
    if (record.state === "complete" && intent.offset === offset && !isFinal && !profile.refusesAppendToComplete) {
      const { contentLength } = intent;
      const hasContent = contentLength === undefined ? (await call.body.next()) !== undefined : contentLength > 0;
      if (!hasContent) return completedAnswer(profile, this.#view(call, upload), false);
    }
    const plan = planAppend(intent, upload, this.settings.limits);
    let current = record;
    if (plan.length !== undefined && record.length === undefined) {
      // The draft: once a length is known, all requests must agree with it.
      current = { ...record, length: plan.length };
      await this.settings.storage.save(current);
    }
    return this.#receive(call, intent, plan, this.#view(call, { record: current, offset }), hold, seen, true);
  }

  /** Reads the content of a creation or an append, and answers for its outcome. */
  async #receive(
    call: UploadCall,
    intent: CreateIntent | AppendIntent,
    plan: ReceptionPlan,
    { record: begun, location }: UploadView,
    hold: UploadHold,
    seen: (view: UploadView) => void,
    hadContent: boolean,
  ): Promise<Answer> {
    const { storage } = this.settings;
    const { profile } = intent;
    let record = begun;
    const digest = storage.canTruncate ? intent.contentDigest : undefined;
    if (profile.name === "tus" && intent.contentDigest !== undefined && digest === undefined) {
      throw new UploadRefusal(400, "DIGEST_UNSUPPORTED", "this storage cannot check Upload-Checksum");
    }
    if (digest !== undefined) {
      record = { ...record, uncheckedFrom: plan.from };
      await storage.save(record);
    }
    const reception = new Reception(plan);
    const onDurable = (offset: number): void => {
      if (profile.tellsProgress && intent.informs) call.inform(progressInterim(profile, offset));
      this.#progressed(call, { record, offset });
    };
    const received = await receive({
      body: intent.contentLength === 0 ? NO_CONTENT : call.body,
      reception,
      writer: await storage.open(record.id, plan.from),
      hold,
      settings: this.settings,
      digest,
      onDurable,
    });
    const { end, failure } = received;
    let { offset } = received;
    if (digest !== undefined) {
      if (end === undefined || end.kind === "interrupted") {
        offset = plan.from;
        await (await storage.open(record.id, offset)).close();
      }
      record = { ...record, uncheckedFrom: undefined };
      await storage.save(record);
    }
    seen(this.#view(call, { record, offset }));
    if (intent.kind === "create" && !intent.isResumable && end?.kind !== "complete") {
      // Its client knows no way to go on.
      await this.#forget(record.id);
    }
    if (end === undefined || end.kind === "interrupted") {
      if (failure instanceof UploadRefusal && invalidates(failure)) await this.#invalidate(record);
      else this.#progressed(call, { record, offset });
      throw this.#refusalFor(failure, profile);
    }
    const upload = { record, offset };
    if (end.kind === "complete") {
      const complete = await this.#complete(call, { record: { ...record, length: end.length }, offset });
      return completedAnswer(profile, { ...this.#view(call, complete), location }, intent.kind === "create");
    }
    this.#progressed(call, upload);
    const view = { ...this.#view(call, upload), location };
    return intent.kind === "create" ? createdAnswer(profile, view, hadContent) : appendedAnswer(profile, view);
  }

  // ---- Retrieval and cancellation

  async #retrieve(call: UploadCall, profile: Profile, found: Upload): Promise<Answer> {
    let upload = found;
    if (upload.record.state === "invalid")
      throw new UploadRefusal(410, "UPLOAD_INVALID", "the upload is no longer valid");
    // A crash, or a client that takes this for the end, may have left a whole upload open.
    const isWhole = upload.record.state === "open" && upload.record.length === upload.offset;
    if (isWhole && profile.completesAtLength) upload = await this.#complete(call, upload);
    return withEarlyFlag(
      profile,
      retrievedAnswer(profile, this.#view(call, upload)),
      upload.record.state === "complete",
    );
  }

  async #cancel(profile: Profile, { record }: Upload): Promise<Answer> {
    await this.settings.storage.remove(record.id);
    if (record.state !== "complete") this.openUploads -= 1;
    return cancelledAnswer(profile);
  }

  // ---- Shared

  async #withUpload(
    call: UploadCall,
    intent: { readonly token?: Uint8Array | undefined; readonly profile: Profile },
    action: UploadActionName,
    seen: (view: UploadView) => void,
    use: (upload: Upload, hold: UploadHold) => Promise<Answer>,
  ): Promise<Answer> {
    const id = intent.token === undefined ? idInPath(call.path) : idOfToken(intent.token);
    if (id === undefined) throw unknownUpload();
    // Before the lock, so that strangers do not end the transfers of others.
    await this.#authorize(call, action, id, undefined);
    const hold = await this.locks.take(id);
    try {
      const upload = await this.settings.storage.load(id);
      if (upload === undefined) throw unknownUpload();
      seen(this.#view(call, upload));
      return await use(upload, hold);
    } finally {
      await hold.release();
    }
  }

  async #complete(call: UploadCall, upload: Upload): Promise<Upload> {
    const complete = await this.#completion.run(call, upload, (action, id, metadata) =>
      this.#authorize(call, action, id, metadata),
    );
    this.openUploads -= 1;
    return complete;
  }

  async #authorize(
    call: UploadCall,
    action: UploadActionName,
    id: string | undefined,
    metadata: UploadRecord["metadata"] | undefined,
  ): Promise<void> {
    const { authorize } = this.settings;
    if (authorize === undefined) return;
    const { remoteAddress } = call;
    if (!(await authorize({ action, id, headers: headersOf(call), remoteAddress, metadata }))) {
      throw new UploadRefusal(403, "FORBIDDEN", "this request is not authorized");
    }
  }

  /** The upload is over, and what it holds is of no use. */
  async #invalidate(record: UploadRecord): Promise<void> {
    await this.settings.storage.save({ ...record, state: "invalid" });
    await (await this.settings.storage.open(record.id, 0)).close();
  }

  async #forget(id: string): Promise<void> {
    await this.settings.storage.remove(id);
    this.openUploads -= 1;
  }

  #refusalFor(failure: unknown, profile: Profile): unknown {
    if (failure instanceof UploadRefusal) {
      // The tus protocol has a status of its own for this.
      return failure.code === "DIGEST_MISMATCH" && profile.name === "tus"
        ? new UploadRefusal(460, "DIGEST_MISMATCH", failure.message)
        : failure;
    }
    return storageRefusal(failure);
  }

  #progressed(call: UploadCall, upload: Upload): void {
    try {
      this.settings.onProgress?.(this.#info(call, upload));
    } catch (error) {
      this.settings.log(`nagare: onProgress: ${String(error)}`);
    }
  }

  #info(call: UploadCall, upload: Upload): UploadInfo {
    return uploadInfo(this.settings, call, upload);
  }

  #view(call: UploadCall, upload: Upload): UploadView {
    const { limits, maxAge, clock } = this.settings;
    const expires = Number.isFinite(maxAge);
    return {
      ...upload,
      location: locationOf(call, upload.record.id),
      limits: expires ? { ...limits, maxAge: Math.floor(maxAge / 1_000) } : limits,
      expires: expires ? httpDate(clock.date() + maxAge) : undefined,
    };
  }
}

/** The early drafts: the token names the upload, and is as secret as it. */
const idOfToken = (token: Uint8Array): string =>
  createHash("sha256").update("upload-token").update(token).digest("hex").slice(0, 32);

/** What a failed storage means to a client. Faults that are not the storage's stay as they are. */
export function storageRefusal(error: unknown): unknown {
  if (isNoRoom(error)) {
    return new UploadRefusal(507, "STORAGE_FULL", "there is no room for more; what was stored is kept", {
      cause: error,
    });
  }
  return error;
}
