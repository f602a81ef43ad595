/** Why an upload failed for good. */

export type ClientUploadError =
  /** The server refused it, with this status. */
  | "REFUSED"
  /** Too many tries without progress. */
  | "NO_PROGRESS"
  /** The server says that it has more than the file. */
  | "OFFSET_BEYOND"
  /** A response lacks what the protocol requires. */
  | "RESPONSE_INVALID"
  /** All was sent, and nothing says what became of it. */
  | "OUTCOME_UNKNOWN";

export interface UploadFailure {
  readonly code: ClientUploadError;
  readonly message: string;
  readonly status: number | undefined;
}

export const uploadFailure = (code: ClientUploadError, message: string, status?: number): UploadFailure => ({
  code,
  message,
  status,
});
