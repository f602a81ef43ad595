/** The error for each problem of RFC 8555 §6.7: what it means, and what to do. */

import { AcmeError, type AcmeErrorCode } from "./errors.ts";
import type { Problem } from "./problem.ts";

/** Where a problem came up. */
export interface ProblemContext {
  /** The authority's host. */
  readonly authority: string;
  /** "validation" for the error of a challenge, otherwise the request that failed. */
  readonly step: "account" | "order" | "validation" | "certificate";
  /** The names of the order, or the one that was validated. */
  readonly names: readonly string[];
  /** From Retry-After. */
  readonly retryAt?: Date | undefined;
}

type Row = readonly [AcmeErrorCode, (name: string, authority: string) => string];

/** What each type means (RFC 8555 §6.7), and what to do. */
const SENTENCES: Readonly<Record<string, Row>> = {
  accountDoesNotExist: ["ACME_ACCOUNT_UNKNOWN", (_, authority) => `${authority} does not know our account`],
  badCSR: ["ACME_REFUSED", (name, authority) => `${authority} refuses the certificate request for ${name}`],
  badContact: contact(),
  invalidContact: contact(),
  unsupportedContact: contact(),
  badPublicKey: ["ACME_ACCOUNT_REFUSED", (_, authority) => `${authority} does not accept the account's key`],
  badSignatureAlgorithm: [
    "ACME_ACCOUNT_REFUSED",
    (_, authority) => `${authority} does not accept the algorithm of the account's key: use ES256`,
  ],
  externalAccountRequired: [
    "ACME_ACCOUNT_REFUSED",
    (_, authority) => `${authority} opens accounts only for its customers: set eab to the key id and key from its site`,
  ],
  userActionRequired: [
    "ACME_TERMS_REQUIRED",
    (_, authority) => `${authority} has new terms of service that you must agree to`,
  ],
  caa: [
    "ACME_CAA_FORBIDS",
    (name, authority) => `a CAA record of ${name} forbids ${authority}: change the record, or use another authority`,
  ],
  dns: [
    "ACME_DNS_WRONG",
    (name, authority) => `${authority} finds no usable DNS record for ${name}: point it to this server`,
  ],
  connection: [
    "ACME_CONNECTION_FAILED",
    (name, authority) =>
      `${authority} cannot connect to ${name}: check its DNS records, and that ports 80 and 443 reach this server`,
  ],
  tls: ["ACME_CONNECTION_FAILED", (name, authority) => `the TLS handshake of ${authority} with ${name} failed`],
  incorrectResponse: [
    "ACME_VALIDATION_FAILED",
    (name, authority) => `${authority} got a wrong answer from ${name}: another server may answer for this name`,
  ],
  rejectedIdentifier: ["ACME_NAME_REFUSED", (name, authority) => `${authority} issues no certificate for ${name}`],
  unsupportedIdentifier: ["ACME_NAME_REFUSED", (name, authority) => `${authority} does not support ${name}`],
  serverInternal: ["ACME_AUTHORITY_FAILED", (_, authority) => `${authority} has an internal fault`],
};

function contact(): Row {
  return ["ACME_ACCOUNT_REFUSED", (_, authority) => `${authority} does not accept the contact address`];
}

/** The error for a problem document. */
export function errorOf(problem: Problem, context: ProblemContext): AcmeError {
  // RFC 8555 §6.7.1: the subproblems say which name is at fault.
  const known = problem.subproblems.find(({ type }) => SENTENCES[type] !== undefined);
  const cause = known ?? problem;
  const at = cause.name === undefined ? context.names : [cause.name];
  const [code, sentence] = sentenceOf(cause, context, at.join(", "));
  const detail = cause.detail === "" ? "" : ` (${cause.detail})`;
  return new AcmeError(code, `${sentence}${detail}`, { names: at, retryAt: context.retryAt, problem });
}

/** Authorities disagree on the types of failed validations. The detail tells more than these. */
function validationType({ type, detail }: Problem): string {
  if (type !== "malformed" && type !== "unauthorized") return type;
  if (/\bresolve|NXDOMAIN|SERVFAIL|no such host/i.test(detail)) return "dns";
  return /\bconnect\b|timed? ?out/i.test(detail) ? "connection" : type;
}

function sentenceOf(
  problem: Problem,
  { authority, step, retryAt }: ProblemContext,
  name: string,
): readonly [AcmeErrorCode, string] {
  const { status, detail, instance } = problem;
  const type = step === "validation" ? validationType(problem) : problem.type;
  if (type === "rateLimited") {
    const until = retryAt === undefined ? "" : ` until ${retryAt.toISOString()}`;
    return ["ACME_RATE_LIMITED", `${authority} limits the rate of requests${name && ` for ${name}`}${until}`];
  }
  if (type === "unauthorized" && step === "validation") {
    const remedy = "check that its DNS records point to this server";
    return ["ACME_VALIDATION_FAILED", `${authority} got a wrong answer from ${name}: ${remedy}`];
  }
  // RFC 8555 §7.3.6: a deactivated account gets a 401 of type unauthorized.
  if (type === "unauthorized" && (status === 401 || /deactivated|revoked/i.test(detail))) {
    return ["ACME_ACCOUNT_DEACTIVATED", `the account with ${authority} is deactivated or revoked`];
  }
  if (type === "unauthorized" && step === "account") {
    return ["ACME_ACCOUNT_REFUSED", `${authority} refuses the account: check eab`];
  }
  const row = SENTENCES[type];
  if (row === undefined) {
    const code = (status ?? 400) >= 500 ? "ACME_AUTHORITY_FAILED" : "ACME_REFUSED";
    const what = name === "" ? "the request" : `the request for ${name}`;
    return [code, `${authority} refuses ${what}: ${type === "about:blank" ? `status ${status}` : type}`];
  }
  const [code, text] = row;
  const more = code === "ACME_TERMS_REQUIRED" && instance !== undefined ? `: ${instance}` : "";
  return [code, text(name, authority) + more];
}
