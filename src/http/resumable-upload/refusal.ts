/** A request that is not carried out: its status, a code for programs, and a sentence for people. */

import type { FieldLine } from "../field-section.ts";

/** Why a request is refused, for programs. */
export type RefusalCode =
  | "LENGTH_INCONSISTENT"
  | "LENGTH_EXCEEDED"
  | "OFFSET_MISMATCH"
  | "UPLOAD_COMPLETE"
  | "UPLOAD_UNKNOWN"
  | "UPLOAD_GONE"
  | "UPLOAD_EXISTS"
  | "UPLOAD_INVALID"
  | "UPLOAD_LOCKED"
  | "FIELD_MISSING"
  | "FIELD_MALFORMED"
  | "FIELD_NOT_ALLOWED"
  | "MEDIA_TYPE"
  | "METHOD"
  | "VERSION"
  | "TOO_LARGE"
  | "TOO_SMALL"
  | "TOO_MANY"
  | "DIGEST_UNSUPPORTED"
  | "DIGEST_MISMATCH"
  | "CONCATENATION"
  | "FORBIDDEN"
  | "STALLED"
  | "STORAGE_FULL"
  | "STORAGE_FAILED"
  | "HOOK_FAILED";

/** https://iana.org/assignments/http-problem-types: the types that the drafts register. */
export interface UploadProblem {
  readonly type: "mismatching-upload-offset" | "inconsistent-upload-length" | "completed-upload";
  readonly members?: Readonly<Record<string, number>>;
}

/** Why a request is refused. */
export class UploadRefusal extends Error {
  override readonly name = "UploadRefusal";
  readonly status: number;
  readonly code: RefusalCode;
  readonly problem: UploadProblem | undefined;
  readonly fields: readonly FieldLine[];

  constructor(
    status: number,
    code: RefusalCode,
    message: string,
    options: { problem?: UploadProblem; fields?: readonly FieldLine[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.problem = options.problem;
    this.fields = options.fields ?? [];
  }
}
