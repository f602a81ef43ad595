/** Options and results of `client.upload()`. */

import type { ProfileName } from "../../http/resumable-upload/index.ts";
import type { KeptUpload, UploadMemory } from "./saved-uploads.ts";

export type { KeptUpload, UploadMemory };

/** How a file is uploaded. */
export interface UploadInit {
  /** Fields of each request, such as `authorization`. */
  readonly headers?: Headers | Record<string, string> | undefined;
  /** The file's name for the server. Default: that of the file; "" for none. */
  readonly name?: string | undefined;
  /** Its media type. Default: by the name. */
  readonly type?: string | undefined;
  /**
   * "auto", the default, asks the server; "tus" is tus 1.0, a number an interop version of the draft (3 to 9), "plain" one ordinary
   * request.
   */
  readonly protocol?: "auto" | "plain" | ProfileName | undefined;
  /** Streams that upload parts at the same time, where the server speaks tus concatenation. Default: 1. */
  readonly parallel?: number | undefined;
  /** Bytes of one request. Default: all the rest, unless the server limits it. */
  readonly chunkSize?: number | undefined;
  /** True to send digests that the server checks. The file is read twice. Default: false, but true with `parallel`. */
  readonly checksum?: boolean | undefined;
  /** Tries without progress, in a row, before the upload fails. Default: 10. */
  readonly maxTries?: number | undefined;
  /** Milliseconds of the first pause between tries, which doubles up to 30 s. Default: 500. The first try comes at once. */
  readonly retryDelay?: number | undefined;
  /** Milliseconds without progress after which a connection counts as lost. Default: 30 s; 0 or Infinity for no limit. */
  readonly stallTimeout?: number | undefined;
  /** Where to keep what another process needs to go on. Default: nowhere. */
  readonly memory?: UploadMemory | undefined;
  /** Called as content is sent and acknowledged. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Called when the upload goes on after a failure, or anew. */
  readonly onRetry?: ((retry: UploadRetry) => void) | undefined;
  /** Ends the upload. What the server has stays there. */
  readonly signal?: AbortSignal | undefined;
}

/** How far an upload is. */
export interface UploadProgress {
  /** Bytes given to connections, those that the server has from before included. */
  readonly sent: number;
  /** Bytes that the server has told it has. */
  readonly acknowledged: number;
  /** Bytes of the file. */
  readonly length: number;
}

/** Why an upload was interrupted, and how it goes on. */
export interface UploadRetry {
  readonly reason: string;
  /** Bytes that the server is known to have. */
  readonly offset: number;
  /** Milliseconds until the next request. */
  readonly wait: number;
}

/** An upload that the server has completed. */
export interface UploadOutcome {
  /** The upload's URL; undefined for an ordinary request. */
  readonly url: string | undefined;
  /** "tus", an interop version, or "plain". */
  readonly protocol: ProfileName | "plain";
  /** The last response. Its body has been read. */
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Bytes of the file. */
  readonly length: number;
  /** Bytes that were sent, those that were sent again included. */
  readonly sent: number;
  /** How often it went on after a failure. */
  readonly retries: number;
}

/** An upload that failed for good. */
export class UploadError extends Error {
  override readonly name = "UploadError";
  /** "REFUSED", "NO_PROGRESS", "OFFSET_BEYOND", "RESPONSE_INVALID", "OUTCOME_UNKNOWN", "PARALLEL_UNSUPPORTED" or "SOURCE_FAILED". */
  readonly code: string;
  /** The status of the response that refused it. */
  readonly status: number | undefined;

  constructor(code: string, message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
  }
}
