/** The authority's resources (RFC 8555 §7.1), read from JSON. Only what is used is kept. */

import { AcmeError } from "./errors.ts";
import { type Problem, parseProblem } from "./problem.ts";

/** RFC 8555 §7.1.1, RFC 9773 §4. */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly revokeCert: string;
  readonly keyChange: string;
  /** Undefined if the authority suggests no time of renewal. */
  readonly renewalInfo: string | undefined;
  readonly termsOfService: string | undefined;
  readonly externalAccountRequired: boolean;
  readonly profiles: readonly string[];
}

export type OrderStatus = "pending" | "ready" | "processing" | "valid" | "invalid";

/** RFC 8555 §7.1.3 */
export interface Order {
  readonly url: string;
  readonly status: OrderStatus;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | undefined;
  readonly error: Problem | undefined;
}

export type AuthorizationStatus = "pending" | "valid" | "invalid" | "deactivated" | "expired" | "revoked";

/** RFC 8555 §7.1.4 */
export interface Authorization {
  readonly url: string;
  readonly name: string;
  readonly isWildcard: boolean;
  readonly status: AuthorizationStatus;
  readonly challenges: readonly Challenge[];
}

/** RFC 8555 §8 */
export interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly error: Problem | undefined;
}

/** Reads members of an answer. Every fault of the authority becomes one kind of error. */
class Fields {
  readonly #value: Record<string, unknown>;
  readonly #what: string;

  constructor(value: unknown, what: string) {
    if (typeof value !== "object" || value === null) throw malformed(what, "it is not an object");
    this.#value = value as Record<string, unknown>;
    this.#what = what;
  }

  string(name: string): string {
    return this.optional(name) ?? this.#miss(name);
  }

  optional(name: string): string | undefined {
    const value = this.#value[name];
    return typeof value === "string" ? value : undefined;
  }

  flag(name: string): boolean {
    return this.#value[name] === true;
  }

  list(name: string, limit: number): readonly unknown[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) return this.#miss(name);
    if (value.length > limit) throw malformed(this.#what, `${name} has more than ${limit} members`);
    return value;
  }

  object(name: string): unknown {
    return this.#value[name];
  }

  #miss(name: string): never {
    throw malformed(this.#what, `${name} is missing`);
  }
}

const malformed = (what: string, why: string): AcmeError =>
  new AcmeError("ACME_AUTHORITY_FAILED", `the authority sent ${what} that cannot be read: ${why}`);

/** Names in an order, at most. */
const MAX_NAMES = 1_000;

export function parseDirectory(json: unknown): Directory {
  const fields = new Fields(json, "a directory");
  const meta = new Fields(fields.object("meta") ?? {}, "a directory");
  return {
    newNonce: fields.string("newNonce"),
    newAccount: fields.string("newAccount"),
    newOrder: fields.string("newOrder"),
    revokeCert: fields.string("revokeCert"),
    keyChange: fields.string("keyChange"),
    renewalInfo: fields.optional("renewalInfo"),
    termsOfService: meta.optional("termsOfService"),
    externalAccountRequired: meta.flag("externalAccountRequired"),
    profiles: Object.keys((meta.object("profiles") as object | undefined) ?? {}),
  };
}

export function parseOrder(json: unknown, url: string): Order {
  const fields = new Fields(json, "an order");
  const error = fields.object("error");
  return {
    url,
    status: fields.string("status") as OrderStatus,
    authorizations: fields.list("authorizations", MAX_NAMES).map(String),
    finalize: fields.string("finalize"),
    certificate: fields.optional("certificate"),
    error: error === undefined ? undefined : parseProblem(error),
  };
}

export function parseAuthorization(json: unknown, url: string): Authorization {
  const fields = new Fields(json, "an authorization");
  const identifier = new Fields(fields.object("identifier"), "an authorization");
  return {
    url,
    name: identifier.string("value"),
    isWildcard: fields.flag("wildcard"),
    status: fields.string("status") as AuthorizationStatus,
    challenges: fields.list("challenges", 20).map(parseChallenge),
  };
}

function parseChallenge(json: unknown): Challenge {
  const fields = new Fields(json, "a challenge");
  const error = fields.object("error");
  return {
    type: fields.string("type"),
    url: fields.optional("url") ?? "",
    token: fields.optional("token") ?? "",
    status: fields.optional("status") ?? "pending",
    error: error === undefined ? undefined : parseProblem(error),
  };
}
