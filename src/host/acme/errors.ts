/** What goes wrong with an authority, as one error with a stable code and a sentence for the operator. */

import type { Problem } from "./problem.ts";

/** Why no certificate was issued. */
export type AcmeErrorCode =
  /** An option is missing or invalid. */
  | "ACME_OPTION_INVALID"
  /** No connection, no valid certificate, or no answer in time. */
  | "ACME_AUTHORITY_UNREACHABLE"
  /** The authority answered with a fault of its own, or with something that is not ACME. */
  | "ACME_AUTHORITY_FAILED"
  | "ACME_RATE_LIMITED"
  /** The account was deactivated, or revoked by the authority. */
  | "ACME_ACCOUNT_DEACTIVATED"
  /** The authority has no account for our key. */
  | "ACME_ACCOUNT_UNKNOWN"
  /** The authority opens no account: contact, external account, key. */
  | "ACME_ACCOUNT_REFUSED"
  /** The terms of service must be agreed to, again or for the first time. */
  | "ACME_TERMS_REQUIRED"
  /** The authority's policy forbids this name. */
  | "ACME_NAME_REFUSED"
  /** DNS has no usable address or record for the name. */
  | "ACME_DNS_WRONG"
  /** The authority could not connect to the server. */
  | "ACME_CONNECTION_FAILED"
  /** The authority connected, and got a wrong answer to its challenge. */
  | "ACME_VALIDATION_FAILED"
  /** A CAA record forbids this authority. */
  | "ACME_CAA_FORBIDS"
  /** None of the enabled challenges is offered for the name. */
  | "ACME_CHALLENGE_UNAVAILABLE"
  /** The DNS hook failed. */
  | "ACME_DNS_HOOK_FAILED"
  /** The certificate that was issued cannot be used. */
  | "ACME_CERTIFICATE_UNUSABLE"
  /** Any other refusal. */
  | "ACME_REFUSED";

/** What an error knows besides its message. */
export interface AcmeErrorOptions extends ErrorOptions {
  /** The names that the error is about. */
  readonly names?: readonly string[];
  /** When the authority allows another attempt. */
  readonly retryAt?: Date | undefined;
  /** What the authority sent. */
  readonly problem?: Problem | undefined;
}

/** An authority that refuses, or cannot be asked. The message says which, why, and what to do. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  readonly code: AcmeErrorCode;
  readonly names: readonly string[];
  readonly retryAt: Date | undefined;
  readonly problem: Problem | undefined;

  constructor(code: AcmeErrorCode, message: string, options: AcmeErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.names = options.names ?? [];
    this.retryAt = options.retryAt;
    this.problem = options.problem;
  }
}

export const invalidOption = (message: string): AcmeError => new AcmeError("ACME_OPTION_INVALID", message);
