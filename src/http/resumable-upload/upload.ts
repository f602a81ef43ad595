/**
 * An upload as a state machine: what it is between requests (`UploadRecord` and its offset), which requests it accepts,
 * and what a request's content makes of it (`Reception`). It knows no storage, no clock and no sockets.
 *
 * States: open (offset ≤ length) → complete, or invalid. A reception moves an open upload forward; at most one exists per
 * upload, which is the caller's business.
 */

import type { ExpectedDigest } from "./digests.ts";
import { type AppendIntent, type CreateIntent, inconsistentLength } from "./intent.ts";
import type { UploadLimits } from "./limits.ts";
import type { UploadMetadata } from "./metadata.ts";
import type { ProfileName } from "./profiles.ts";
import { UploadRefusal } from "./refusal.ts";

/** The response that completed an upload, kept to be repeated. */
export interface StoredResponse {
  readonly status: number;
  readonly fields: readonly (readonly [string, string])[];
  /** Text or bytes, in base64. */
  readonly content?: string | undefined;
}

/** What is kept of an upload beside its content. Plain JSON. */
export interface UploadRecord {
  /** Names the upload in URLs, in storage, and in hooks. Unguessable. */
  readonly id: string;
  readonly profile: ProfileName;
  /** The method that created it. */
  readonly method: string;
  readonly state: "open" | "complete" | "invalid";
  /** Bytes of the whole upload, once known. */
  readonly length?: number | undefined;
  readonly metadata: UploadMetadata;
  /** The digest that the whole upload must have; its value in base64. */
  readonly reprDigest?: { readonly hash: ExpectedDigest["hash"]; readonly value: string } | undefined;
  /** Set for parts of another upload, and for uploads made of parts: the ids of these. */
  readonly concatenation?: "partial" | { readonly parts: readonly string[] } | undefined;
  /** Where content begins that counts only once its request's digest was checked. */
  readonly uncheckedFrom?: number | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** The file that the upload became, relative to the folder for finished files. */
  readonly file?: string | undefined;
  readonly response?: StoredResponse | undefined;
}

/** An upload between requests. */
export interface Upload {
  readonly record: UploadRecord;
  /** Bytes stored. */
  readonly offset: number;
}

/** How a reception of content begins. */
export interface ReceptionPlan {
  /** Where the content goes. */
  readonly from: number;
  readonly completes: boolean | undefined;
  /** Bytes of the whole upload, if known. */
  readonly length: number | undefined;
  /** The most bytes that the upload may have. */
  readonly maxEnd: number;
  /** The most bytes of this request. */
  readonly maxContent: number;
  readonly completesAtLength: boolean;
}

/** What is left of a request's content. */
export type ReceptionEnd =
  /** Stored; more may follow. */
  | { readonly kind: "partial" }
  /** Stored, and it was the last. */
  | { readonly kind: "complete"; readonly length: number }
  /** Cut off: what came is kept. */
  | { readonly kind: "interrupted" };

const UNLIMITED = Number.POSITIVE_INFINITY;

/** Checks a creation against the limits. Throws an `UploadRefusal`. */
export function planCreation(intent: CreateIntent, limits: UploadLimits): ReceptionPlan {
  const { profile, completes, length, contentLength, isResumable } = intent;
  checkSize(length, limits);
  if (isResumable && length !== undefined && length < (limits.minSize ?? 0) && completes !== true) {
    throw new UploadRefusal(400, "TOO_SMALL", `uploads of less than ${limits.minSize} bytes are sent in one request`);
  }
  // An ordinary request is not limited by what an append may have.
  checkContent(contentLength, completes, isResumable ? limits : {});
  if (length !== undefined && contentLength !== undefined && contentLength > length) throw beyond(length);
  return {
    from: 0,
    completes,
    length,
    maxEnd: Math.min(limits.maxSize ?? UNLIMITED, length ?? UNLIMITED),
    maxContent: isResumable ? (limits.maxAppendSize ?? UNLIMITED) : UNLIMITED,
    completesAtLength: profile.completesAtLength,
  };
}

/** Checks an append against the upload and the limits. Throws an `UploadRefusal`. */
export function planAppend(intent: AppendIntent, { record, offset }: Upload, limits: UploadLimits): ReceptionPlan {
  const { profile, completes, contentLength } = intent;
  if (record.state === "invalid") throw invalidUpload();
  if (typeof record.concatenation === "object") {
    throw new UploadRefusal(403, "CONCATENATION", "a final upload is made of its parts, and takes no content");
  }
  if (profile.name === 1 && intent.method !== record.method && intent.method !== "PATCH") {
    throw new UploadRefusal(400, "METHOD", `the upload was begun with ${record.method}: continue with the same method`);
  }
  if (intent.offset !== offset) {
    // A 409 carries the offset that the server expects, so that the client can go on.
    throw new UploadRefusal(409, "OFFSET_MISMATCH", `the upload continues at byte ${offset}, not ${intent.offset}`, {
      problem: {
        type: "mismatching-upload-offset",
        members: { "expected-offset": offset, "provided-offset": intent.offset },
      },
    });
  }
  if (record.state === "complete") {
    throw new UploadRefusal(400, "UPLOAD_COMPLETE", "the upload is already complete", {
      problem: { type: "completed-upload" },
    });
  }
  const { length: stated } = intent;
  if (stated !== undefined && record.length !== undefined && stated !== record.length) {
    throw inconsistentLength(record.length, stated);
  }
  const length = record.length ?? stated;
  if (length !== undefined && length < offset) throw inconsistentLength(length, offset);
  checkSize(length, limits);
  checkContent(contentLength, completes, limits);
  if (length !== undefined && contentLength !== undefined && offset + contentLength > length) throw beyond(length);
  return {
    from: offset,
    completes,
    length,
    maxEnd: Math.min(limits.maxSize ?? UNLIMITED, length ?? UNLIMITED),
    maxContent: limits.maxAppendSize ?? UNLIMITED,
    completesAtLength: profile.completesAtLength,
  };
}

function checkSize(length: number | undefined, { maxSize }: UploadLimits): void {
  if (length !== undefined && maxSize !== undefined && length > maxSize) throw tooLarge(`${length} bytes`, maxSize);
}

function checkContent(length: number | undefined, completes: boolean | undefined, limits: UploadLimits): void {
  const { maxAppendSize, minAppendSize } = limits;
  if (length === undefined) return;
  if (maxAppendSize !== undefined && length > maxAppendSize) throw appendTooLarge(maxAppendSize);
  // Neither for a creation without content, nor for the request that completes.
  if (minAppendSize !== undefined && length < minAppendSize && length > 0 && completes === false) {
    throw new UploadRefusal(400, "TOO_SMALL", `requests have at least ${minAppendSize} bytes, except the last`);
  }
}

const tooLarge = (what: string, maxSize: number): UploadRefusal =>
  new UploadRefusal(413, "TOO_LARGE", `the upload has ${what}, and the limit is ${maxSize}`);

const appendTooLarge = (max: number): UploadRefusal =>
  new UploadRefusal(413, "TOO_LARGE", `a request has at most ${max} bytes: send the rest in further requests`);

const beyond = (length: number): UploadRefusal =>
  new UploadRefusal(400, "LENGTH_EXCEEDED", `the content goes beyond the upload's length of ${length} bytes`, {
    problem: { type: "inconsistent-upload-length" },
  });

const invalidUpload = (): UploadRefusal =>
  new UploadRefusal(410, "UPLOAD_INVALID", "the upload has received more than its length, and is no longer valid");

/** Counts the content of one request. */
export class Reception {
  readonly plan: ReceptionPlan;
  #received = 0;

  constructor(plan: ReceptionPlan) {
    this.plan = plan;
  }

  /** Bytes of this request so far. */
  get received(): number {
    return this.#received;
  }

  get offset(): number {
    return this.plan.from + this.#received;
  }

  /**
   * Counts content that arrived, before it is stored. Throws an `UploadRefusal` if it goes beyond the length or a limit: it
   * must not be stored then, and if `invalidates` says so, the upload is over.
   */
  take(bytes: number): void {
    const { from, length, maxEnd, maxContent } = this.plan;
    const end = from + this.#received + bytes;
    // Real bytes count, whatever was announced.
    if (length !== undefined && end > length) throw beyond(length);
    if (end > maxEnd) throw tooLarge("more bytes", maxEnd);
    if (this.#received + bytes > maxContent) throw appendTooLarge(maxContent);
    this.#received += bytes;
  }

  /** The request's content has ended. Throws an `UploadRefusal` if it should have gone on. */
  end(): ReceptionEnd {
    const { completes, length } = this.plan;
    if (completes === true) {
      // The whole content arrived, so this is the length. A shorter one than announced is not complete.
      if (length !== undefined && this.offset < length) throw inconsistentLength(length, this.offset);
      return { kind: "complete", length: this.offset };
    }
    return this.#isAtLength && this.plan.completesAtLength
      ? { kind: "complete", length: this.offset }
      : { kind: "partial" };
  }

  /** The request was cut off. If all announced content had come, nothing was lost. */
  cut(): ReceptionEnd {
    const { completes, completesAtLength } = this.plan;
    return this.#isAtLength && (completes === true || completesAtLength)
      ? { kind: "complete", length: this.offset }
      : { kind: "interrupted" };
  }

  get #isAtLength(): boolean {
    return this.plan.length === this.offset;
  }
}

/** True if the refusal means that the upload can never be right again. */
export const invalidates = (refusal: UploadRefusal): boolean => refusal.code === "LENGTH_EXCEEDED";
