/** The one error of this room: a catalog that cannot be read, and where. */

/** Why a catalog cannot be read. */
export type CatalogErrorCode =
  /** Not JSON, or a member of the wrong type. */
  | "MALFORMED"
  /** More bytes, tracks or initialization data than are read. */
  | "TOO_LARGE"
  /** A version that is not known. */
  | "VERSION"
  /** A change of something that is not there, or without a catalog before it. */
  | "DELTA"
  /** A track that a player cannot begin with. */
  | "NO_INIT";

/** A catalog that cannot be read. */
export class CatalogError extends Error {
  override readonly name = "CatalogError";
  readonly code: CatalogErrorCode;
  /** The member: `tracks[2].codec`. */
  readonly where: string;

  constructor(code: CatalogErrorCode, where: string, reason: string, options?: { cause?: unknown }) {
    super(`${where}: ${reason}`, options);
    this.code = code;
    this.where = where;
  }
}
