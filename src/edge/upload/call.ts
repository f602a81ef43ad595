/** One request to the upload service, however it arrived: an exchange, a fetch handler's Request, or Node's (req, res). */

import type { FieldSection } from "../../http/index.ts";
import type { Answer } from "../../http/resumable-upload/index.ts";

export interface UploadCall {
  readonly method: string;
  /** Path and query as the client sent them, so that locations can be derived. */
  readonly path: string;
  readonly fields: FieldSection;
  readonly remoteAddress: string;
  readonly body: UploadBody;
  /** Sends an interim response, if the client's version of HTTP has them. */
  inform(answer: Answer): void;
  respond(answer: Answer): void;
}

/** The content of a request. */
export interface UploadBody {
  /** False if there is none. */
  readonly hasContent: boolean;
  /**
   * The next chunks, as many as have arrived, up to a few hundred kilobytes; undefined at the end. Rejects if the request
   * was cut off.
   */
  next(): Promise<readonly Uint8Array[] | undefined>;
  /** Takes chunks back: nobody has them any more. */
  release?(chunks: readonly Uint8Array[]): void;
}

/** The client went away. */
export class RequestCutError extends Error {
  override readonly name = "RequestCutError";
}

/** Bytes that `next` returns at once, at most. */
export const BATCH = 512 * 1024;
