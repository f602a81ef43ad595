/** Why an exchange with a server over HTTPS gave no message (RFC 8484). */

export type DohErrorCode =
  /** The status is not one of success (RFC 8484 §4.2.1). */
  | "DOH_STATUS"
  /** The content is not `application/dns-message`: a captive portal, or a page of errors. */
  | "DOH_MEDIA_TYPE"
  /** The content is longer than a message may be. */
  | "DOH_TOO_LONG";

export class DohError extends Error {
  override readonly name = "DohError";
  readonly code: DohErrorCode;

  constructor(code: DohErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
