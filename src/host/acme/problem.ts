/** Problem documents (RFC 7807, RFC 8555 §6.7). */

import { printable } from "../../wire/printable.ts";

const PREFIX = "urn:ietf:params:acme:error:";
const MAX_DETAIL = 400;
const MAX_SUBPROBLEMS = 100;

/** An authority's problem document (RFC 7807, RFC 8555 §6.7). */
export interface Problem {
  /** Without the prefix of RFC 8555 §6.7, such as "rateLimited"; "about:blank" if the authority gave none. */
  readonly type: string;
  readonly detail: string;
  readonly status: number | undefined;
  /** A page that explains more. */
  readonly instance: string | undefined;
  /** The name that a subproblem is about (RFC 8555 §6.7.1). */
  readonly name: string | undefined;
  readonly subproblems: readonly Problem[];
}

/** Reads a problem document from JSON; anything else becomes a problem without a type. */
export function parseProblem(json: unknown): Problem {
  const fields = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const text = (value: unknown): string | undefined =>
    typeof value === "string" ? printable(value).slice(0, MAX_DETAIL) : undefined;
  const { subproblems, status, identifier } = fields;
  const { value: name } = (typeof identifier === "object" && identifier !== null ? identifier : {}) as {
    value?: unknown;
  };
  return {
    type: (text(fields.type) ?? "about:blank").replace(PREFIX, ""),
    detail: text(fields.detail) ?? text(fields.title) ?? "",
    status: typeof status === "number" ? status : undefined,
    instance: text(fields.instance),
    name: text(name),
    subproblems: Array.isArray(subproblems) ? subproblems.slice(0, MAX_SUBPROBLEMS).map(parseProblem) : [],
  };
}
