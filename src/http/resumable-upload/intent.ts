/** What a request asks for, by its method, target and fields. Nothing is known yet about the upload that it names. */

import { parseContentLength } from "../content-length.ts";
import { combinedFieldValue, type FieldSection, fieldValue } from "../field-section.ts";
import { checksumField, digestField, type ExpectedDigest } from "./digests.ts";
import { isMediaType, metadataOf, parseTusMetadata, type UploadMetadata } from "./metadata.ts";
import {
  isInteropVersion,
  NEWEST_VERSION,
  OFFSET_OCTET_STREAM,
  PARTIAL_UPLOAD,
  type Profile,
  type ProfileName,
  profileOf,
} from "./profiles.ts";
import { UploadRefusal } from "./refusal.ts";
import { byteCountField, bytesField, flagField } from "./structured.ts";

export interface UploadRequestHead {
  readonly method: string;
  readonly fields: FieldSection;
  /** False if the request is known to have no content. */
  readonly hasContent: boolean;
  /** True if the target is the URL of an upload, rather than the place where uploads are created. */
  readonly isUpload: boolean;
  /** The profile that created the upload, which counts if the request names no version. */
  readonly createdBy?: ProfileName | undefined;
}

/** Parts of one upload (tus 1.0, Concatenation). */
export type Concatenation =
  | { readonly kind: "partial" }
  /** The URLs of the parts, in order, as the client wrote them. */
  | { readonly kind: "final"; readonly parts: readonly string[] };

interface Versioned {
  readonly profile: Profile;
  /** True if the client understands 104 responses. */
  readonly informs: boolean;
  readonly token?: Uint8Array | undefined;
}

/** The content of a request, as announced. */
interface Announced {
  /** Undefined if the request does not say. */
  readonly contentLength: number | undefined;
  /** True if the upload is complete after this request. Undefined if only its length says so. */
  readonly completes: boolean | undefined;
  /** The length of the whole upload, if the request says it. */
  readonly length: number | undefined;
  /** What the content of this request must have. */
  readonly contentDigest: ExpectedDigest | undefined;
}

export interface CreateIntent extends Versioned, Announced {
  readonly kind: "create";
  readonly method: string;
  readonly metadata: UploadMetadata;
  /** What the whole upload must have. */
  readonly reprDigest: ExpectedDigest | undefined;
  readonly concatenation: Concatenation | undefined;
  /** True if the client can resume. Otherwise the request is an ordinary one, and nothing remains of it if it is cut off. */
  readonly isResumable: boolean;
}

export interface AppendIntent extends Versioned, Announced {
  readonly kind: "append";
  readonly method: string;
  readonly offset: number;
}

export type UploadIntent =
  | CreateIntent
  | AppendIntent
  | ({ readonly kind: "retrieve" } & Versioned)
  | ({ readonly kind: "cancel" } & Versioned)
  | { readonly kind: "options"; readonly profile: Profile };

const MAX_PARTS = 10_000;

/** Throws an `UploadRefusal` for a request that no upload could accept. */
export function interpretUploadRequest(head: UploadRequestHead): UploadIntent {
  const { fields } = head;
  // The tus protocol lets clients replace a method that their environment does not have.
  const override = head.method === "POST" ? fieldValue(fields, "x-http-method-override")?.toUpperCase() : undefined;
  const method = override !== undefined && fieldValue(fields, "tus-resumable") !== undefined ? override : head.method;
  const profile = profileOfRequest(head);
  if (method === "OPTIONS") return { kind: "options", profile };
  if (profile.name === "tus") return tusIntent(method, head, profile);
  // Clients of tus 1.0 that switch to the draft would silently lose data: the draft has no concatenation.
  if (fieldValue(fields, "upload-concat") !== undefined) {
    throw new UploadRefusal(
      400,
      "CONCATENATION",
      "Upload-Concat belongs to tus 1.0, and this request speaks the draft, which has no concatenation: upload without parallel parts, or with tus 1.0",
    );
  }
  const version = byteCountField(fields, "upload-draft-interop-version");
  const informs = version === profile.name;
  return profile.naming === "token"
    ? tokenIntent(method, head, profile, informs)
    : draftIntent(method, head, profile, informs);
}

/** The profile that a request speaks. */
export function profileOfRequest({ fields, createdBy, isUpload }: UploadRequestHead): Profile {
  const version = byteCountField(fields, "upload-draft-interop-version");
  if (version === undefined && fieldValue(fields, "tus-resumable") !== undefined) return profileOf("tus");
  const token = bytesField(fields, "upload-token");
  if (token !== undefined && !isUpload) return profileOf(version === 1 ? 1 : 2);
  if (isInteropVersion(version) && version > 2) return profileOf(version);
  if (version !== undefined) return profileOf(NEWEST_VERSION);
  if (flagField(fields, "upload-incomplete") !== undefined && !isUpload) return profileOf(3);
  return profileOf(createdBy ?? NEWEST_VERSION);
}

/** Interop versions 3 to 9. */
function draftIntent(method: string, head: UploadRequestHead, profile: Profile, informs: boolean): UploadIntent {
  const { fields, isUpload } = head;
  if (!isUpload) return creation(method, head, profile, informs);
  if (method === "HEAD" || method === "GET" || method === "DELETE") {
    refuseStateFields(method, fields, profile);
    return { kind: method === "DELETE" ? "cancel" : "retrieve", profile, informs };
  }
  if (method !== "PATCH") throw methodRefusal(method);
  return append(method, head, profile, informs);
}

/** Interop versions 1 and 2, in the order that version 2 describes. */
function tokenIntent(method: string, head: UploadRequestHead, profile: Profile, informs: boolean): UploadIntent {
  const { fields } = head;
  const token = bytesField(fields, "upload-token")!;
  const offset = byteCountField(fields, "upload-offset");
  // Version 1 has one procedure for both: an offset above 0 resumes.
  const appends =
    profile.name === 1 ? (offset ?? 0) > 0 || (method === "PATCH" && offset !== undefined) : offset !== undefined;
  if (appends && !["HEAD", "DELETE", "GET"].includes(method)) {
    return { ...append(method, head, profile, informs), token };
  }
  if (method === "HEAD" || method === "DELETE") {
    refuseStateFields(method, fields, profile);
    return { kind: method === "DELETE" ? "cancel" : "retrieve", profile, informs, token };
  }
  if (method === "GET") throw methodRefusal(method);
  // Version 1 tells of its support only if the request does not show that the client knows of it.
  const isNew = profile.name !== 1 || (offset === undefined && flagOf(fields, profile) === undefined);
  return { ...creation(method, head, profile, informs && isNew), token };
}

function creation(method: string, head: UploadRequestHead, profile: Profile, informs: boolean): CreateIntent {
  const { fields } = head;
  if (method === "GET" || method === "HEAD" || method === "DELETE") throw unknownUpload();
  if (method !== "POST" && method !== "PUT" && method !== "PATCH") throw methodRefusal(method);
  const completes = flagOf(fields, profile);
  // Without the flag, the request is an ordinary one, except in the versions that name uploads by tokens.
  const isResumable = completes !== undefined || profile.naming === "token";
  if (method === "PATCH" && !isResumable) throw unknownUpload();
  const contentLength = announcedLength(head);
  return {
    kind: "create",
    profile,
    informs: informs && isResumable,
    method,
    contentLength,
    completes: completes ?? true,
    length: lengthOf(0, completes ?? true, contentLength, fields),
    metadata: metadataOf(fields),
    contentDigest: digestField(fields, "content-digest"),
    reprDigest: digestField(fields, "repr-digest"),
    concatenation: undefined,
    isResumable,
  };
}

function append(method: string, head: UploadRequestHead, profile: Profile, informs: boolean): AppendIntent {
  const { fields } = head;
  const { appendType } = profile;
  if (appendType !== undefined && !isMediaType(fields, PARTIAL_UPLOAD)) {
    throw new UploadRefusal(415, "MEDIA_TYPE", `an append needs Content-Type: ${appendType}`, {
      fields: [["accept-patch", appendType]],
    });
  }
  const offset = byteCountField(fields, "upload-offset");
  if (offset === undefined) throw missing("Upload-Offset, with a whole number of bytes");
  const flag = flagOf(fields, profile);
  if (flag === undefined && profile.appendNeedsFlag) throw missing("Upload-Complete, with ?0 or ?1");
  const completes = flag ?? true;
  const contentLength = announcedLength(head);
  return {
    kind: "append",
    profile,
    informs,
    method,
    offset,
    contentLength,
    completes,
    length: lengthOf(offset, completes, contentLength, fields),
    contentDigest: digestField(fields, "content-digest"),
  };
}

/** True if the upload is complete after this request. */
function flagOf(fields: FieldSection, { flag }: Profile): boolean | undefined {
  if (flag === "upload-complete") return flagField(fields, flag);
  const incomplete = flagField(fields, "upload-incomplete");
  return incomplete === undefined ? undefined : !incomplete;
}

/** The length of the whole upload: from Upload-Length, and from the last request's end. */
function lengthOf(
  offset: number,
  completes: boolean,
  contentLength: number | undefined,
  fields: FieldSection,
): number | undefined {
  const stated = byteCountField(fields, "upload-length");
  const end = completes && contentLength !== undefined ? offset + contentLength : undefined;
  if (stated !== undefined && end !== undefined && stated !== end) throw inconsistentLength(stated, end);
  return stated ?? end;
}

/** The draft, §4.1.3: all indications of the length must agree. */
export const inconsistentLength = (stated: number, other: number): UploadRefusal =>
  new UploadRefusal(400, "LENGTH_INCONSISTENT", `the upload has two lengths: ${stated} and ${other} bytes`, {
    problem: { type: "inconsistent-upload-length" },
  });

function refuseStateFields(method: string, fields: FieldSection, { refusesStateFields }: Profile): void {
  if (!refusesStateFields) return;
  const given = ["upload-offset", "upload-complete", "upload-incomplete"].find(
    (name) => fieldValue(fields, name) !== undefined,
  );
  if (given !== undefined) throw new UploadRefusal(400, "FIELD_NOT_ALLOWED", `${method} must not have ${given}`);
}

// ---- tus 1.0

function tusIntent(method: string, head: UploadRequestHead, profile: Profile): UploadIntent {
  const { fields, isUpload } = head;
  const version = fieldValue(fields, "tus-resumable");
  if (version !== "1.0.0") {
    throw new UploadRefusal(412, "VERSION", "this server speaks tus 1.0.0: send Tus-Resumable: 1.0.0", {
      fields: [["tus-version", "1.0.0"]],
    });
  }
  if (!isUpload) {
    if (method === "POST") return tusCreation(head, profile);
    if (method === "HEAD" || method === "GET" || method === "PATCH" || method === "DELETE") throw unknownUpload();
    throw methodRefusal(method);
  }
  if (method === "HEAD" || method === "GET") return { kind: "retrieve", profile, informs: false };
  if (method === "DELETE") return { kind: "cancel", profile, informs: false };
  if (method !== "PATCH") throw methodRefusal(method);
  if (!isMediaType(fields, OFFSET_OCTET_STREAM)) {
    throw new UploadRefusal(415, "MEDIA_TYPE", `PATCH needs Content-Type: ${OFFSET_OCTET_STREAM}`);
  }
  const offset = digits(fields, "upload-offset");
  if (offset === undefined) throw missing("Upload-Offset");
  return {
    kind: "append",
    profile,
    informs: false,
    method,
    offset,
    contentLength: announcedLength(head),
    completes: undefined,
    length: digits(fields, "upload-length"),
    contentDigest: tusChecksum(fields),
  };
}

function tusCreation(head: UploadRequestHead, profile: Profile): CreateIntent {
  const { fields } = head;
  const concatenation = concatenationOf(fields);
  const length = digits(fields, "upload-length");
  const deferred = fieldValue(fields, "upload-defer-length");
  if (deferred !== undefined && deferred !== "1") throw malformed("Upload-Defer-Length", deferred, "1");
  const isFinal = concatenation?.kind === "final";
  if (isFinal && (length !== undefined || deferred !== undefined)) {
    throw new UploadRefusal(
      400,
      "FIELD_NOT_ALLOWED",
      "the length of a final upload is that of its parts: leave out Upload-Length",
    );
  }
  if (!isFinal && (length === undefined) === (deferred === undefined)) {
    throw missing("either Upload-Length or Upload-Defer-Length: 1");
  }
  const raw = fieldValue(fields, "upload-metadata");
  if (raw !== undefined && parseTusMetadata(raw) === undefined) {
    throw malformed(
      "Upload-Metadata",
      raw.slice(0, 80),
      "pairs of a key and a value in base64, with commas between them",
    );
  }
  const isTyped = isMediaType(fields, OFFSET_OCTET_STREAM);
  // Some clients frame a request without content as if it had some; without the type, it is not read.
  const contentLength = isTyped ? announcedLength(head) : (announcedLength(head) ?? 0);
  if (contentLength !== 0 && !isTyped) {
    throw new UploadRefusal(415, "MEDIA_TYPE", `POST with content needs Content-Type: ${OFFSET_OCTET_STREAM}`);
  }
  return {
    kind: "create",
    profile,
    informs: false,
    method: "POST",
    contentLength,
    completes: undefined,
    length,
    metadata: metadataOf(fields),
    contentDigest: tusChecksum(fields),
    reprDigest: digestField(fields, "repr-digest"),
    concatenation,
    isResumable: true,
  };
}

function concatenationOf(fields: FieldSection): Concatenation | undefined {
  const value = combinedFieldValue(fields, "upload-concat");
  if (value === undefined) return undefined;
  if (value === "partial") return { kind: "partial" };
  const parts = value.startsWith("final;")
    ? value
        .slice("final;".length)
        .split(/\s+/)
        .filter((part) => part !== "")
    : [];
  if (parts.length === 0)
    throw malformed("Upload-Concat", value.slice(0, 80), '"partial", or "final;" and the URLs of the parts');
  if (parts.length > MAX_PARTS) throw new UploadRefusal(400, "CONCATENATION", `more than ${MAX_PARTS} parts`);
  return { kind: "final", parts };
}

function tusChecksum(fields: FieldSection): ExpectedDigest | undefined {
  const checksum = checksumField(fields);
  if (checksum === "malformed") throw malformed("Upload-Checksum", "", "an algorithm and a digest in base64");
  if (checksum === "unknown") {
    throw new UploadRefusal(
      400,
      "DIGEST_UNSUPPORTED",
      "the algorithm of Upload-Checksum is not supported: use sha1, sha256, sha512 or md5",
    );
  }
  return checksum;
}

/** A whole number as tus 1.0 writes it. */
function digits(fields: FieldSection, name: string): number | undefined {
  const value = combinedFieldValue(fields, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw malformed(name, value.slice(0, 80), "a whole number of bytes");
  return number;
}

// ---- Shared

/** RFC 9110 §8.6; the transport has refused malformed values. */
function announcedLength({ fields, hasContent }: UploadRequestHead): number | undefined {
  if (!hasContent) return 0;
  const value = fieldValue(fields, "content-length");
  return value === undefined ? undefined : parseContentLength(value);
}

const missing = (what: string): UploadRefusal => new UploadRefusal(400, "FIELD_MISSING", `the request needs ${what}`);

const malformed = (name: string, value: string, expected: string): UploadRefusal =>
  new UploadRefusal(400, "FIELD_MALFORMED", `${name} is ${JSON.stringify(value)}: expected ${expected}`);

/** 404 for requests to an upload that does not exist. */
export const unknownUpload = (): UploadRefusal => new UploadRefusal(404, "UPLOAD_UNKNOWN", "there is no such upload");

const methodRefusal = (method: string): UploadRefusal =>
  new UploadRefusal(405, "METHOD", `${method} means nothing here`, {
    fields: [["allow", "OPTIONS, POST, PUT, HEAD, GET, PATCH, DELETE"]],
  });
