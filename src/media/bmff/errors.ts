/** The one error of this room: bytes that are no live ISO-BMFF stream, and where. */

export type BmffErrorCode =
  /** A box with an impossible size, or bytes that end inside of one. */
  | "BOX"
  /** A box that is larger than its limit. */
  | "BOX_TOO_LARGE"
  /** An initialization segment that is malformed, or unusable for live media. */
  | "INIT"
  /** A fragment that is malformed, or contradicts its initialization segment. */
  | "FRAGMENT"
  /** A malformed `emsg` or `prft`. */
  | "EVENT";

/** Input that cannot be read. A stream cannot be resumed after it, because the next box cannot be found. */
export class BmffError extends Error {
  override readonly name = "BmffError";
  readonly code: BmffErrorCode;
  /** The boxes around the fault, outermost first: `moov/trak/mdia`. */
  readonly where: string;

  constructor(code: BmffErrorCode, where: string, reason: string, options?: { cause?: unknown }) {
    super(`${where}: ${reason}`, options);
    this.code = code;
    this.where = where;
  }
}
