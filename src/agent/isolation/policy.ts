/**
 * The policies of a response: COEP, COOP, Document-Isolation-Policy, CORP and Connection-Allowlist, with their forms that only
 * report (HTML §7.1.3 and §7.1.4, Fetch "cross-origin resource policy"). Whatever a header holds, it has a value.
 */

import { isTrustworthy } from "../cookies/index.ts";
import { type Allowlist, parseAllowlist } from "./allowlist.ts";
import { type LegacyRules, legacyAdvice } from "./legacy.ts";
import type { FullOrigin } from "./origin.ts";
import {
  combine,
  type Parsed,
  parseEmptyLists,
  parseEndpoints,
  parseTokenItem,
  type TokenItem,
} from "./structured-field.ts";

/** The values of Cross-Origin-Embedder-Policy. */
export type CoepValue = "unsafe-none" | "require-corp" | "credentialless";
/** The values of Cross-Origin-Opener-Policy. */
export type CoopValue = "unsafe-none" | "same-origin" | "same-origin-allow-popups" | "noopener-allow-popups";
/** The values of Cross-Origin-Resource-Policy. */
export type CorpValue = "same-origin" | "same-site" | "cross-origin";
/** The values of Document-Isolation-Policy. */
export type DipValue = "none" | "isolate-and-require-corp" | "isolate-and-credentialless";

/** A policy's value, and where its violations are reported. */
export interface Policy<Value> {
  readonly value: Value;
  /** The name of the endpoint of reports. */
  readonly reportTo: string | undefined;
}

/** A header that browsers ignore, or understand otherwise than its author. */
export interface HeaderProblem {
  readonly header: string;
  readonly value: string;
  /** A sentence without its subject, which is the header: `it is a list, and browsers accept one value`. */
  readonly problem: string;
  /** What the header is worth: `unsafe-none`. */
  readonly means: string;
  /** What to write instead, where the intention is known. */
  readonly write?: string;
}

/** All policies of a response. */
export interface ResponsePolicies {
  readonly coep: Policy<CoepValue>;
  readonly coepReportOnly: Policy<CoepValue>;
  readonly coop: Policy<CoopValue>;
  readonly coopReportOnly: Policy<CoopValue>;
  readonly dip: Policy<DipValue>;
  readonly dipReportOnly: Policy<DipValue>;
  readonly corp: CorpValue | undefined;
  /** False if the Permissions-Policy turns `cross-origin-isolated` off. */
  readonly permitsIsolation: boolean;
  readonly allowlist: Allowlist | undefined;
  readonly allowlistReportOnly: Allowlist | undefined;
  /** The URLs of Reporting-Endpoints, by name. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly problems: readonly HeaderProblem[];
}

/** How policies are parsed. */
export interface PolicyOptions {
  /** True to read the values of the articles of 2019 as they meant them; browsers ignore these. Default: false. */
  readonly legacy2019?: boolean;
}

/** The lines of a response's header, in their order; names in any case. */
export type Fields = readonly (readonly [name: string, value: string])[];

const COEP = ["unsafe-none", "require-corp", "credentialless"] as const;
const COOP = ["unsafe-none", "same-origin", "same-origin-allow-popups", "noopener-allow-popups"] as const;
const DIP = ["none", "isolate-and-require-corp", "isolate-and-credentialless"] as const;
const CORP: readonly string[] = ["same-origin", "same-site", "cross-origin"];

/** `origin` is that of the response's URL; undefined if it has none. Only secure contexts have policies, except CORP. */
export function readPolicies(
  fields: Fields,
  origin: FullOrigin | undefined,
  { legacy2019 = false }: PolicyOptions = {},
): ResponsePolicies {
  const problems: HeaderProblem[] = [];
  const isSecure = origin !== undefined && isTrustworthy(origin);
  const linesOf = (name: string): string[] =>
    fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
  const policy = <Value extends string>(
    header: string,
    short: LegacyRules["header"] | undefined,
    values: readonly Value[],
  ): Policy<Value> => {
    const none = { value: values[0]!, reportTo: undefined };
    const lines = linesOf(header);
    if (lines.length === 0) return none;
    const value = combine(lines);
    const old = short === undefined ? undefined : legacyAdvice(short, value);
    if (!isSecure) {
      problems.push({ header, value, problem: "the page is not a secure context; use https", means: none.value });
      return none;
    }
    if (old !== undefined && legacy2019) return { value: old.write as Value, reportTo: undefined };
    const parsed = parseTokenItem(lines);
    const problem = parsed.problem ?? unknownToken(parsed, values);
    if (problem === undefined) return { value: parsed.value!.token as Value, reportTo: parsed.value!.reportTo };
    problems.push({ header, value, problem, means: none.value, ...(old && { write: old.write }) });
    return none;
  };
  const allowlist = (header: string, enforces: boolean): Allowlist | undefined => {
    const lines = linesOf(header);
    if (lines.length === 0 || !isSecure) return undefined;
    if (combine(lines) === "") {
      problems.push({ header, value: "", problem: "it is empty", means: "no policy" });
      return undefined;
    }
    const parsed = parseAllowlist(lines, origin);
    for (const problem of parsed.problems) {
      const means = enforces && parsed.patterns.length === 0 ? "every connection is blocked" : "the item is skipped";
      problems.push({ header, value: combine(lines), problem, means });
    }
    return enforces || parsed.problems.length === 0 || parsed.patterns.length > 0 ? parsed : undefined;
  };
  return {
    coep: policy("cross-origin-embedder-policy", "COEP", COEP),
    coepReportOnly: policy("cross-origin-embedder-policy-report-only", "COEP", COEP),
    coop: policy("cross-origin-opener-policy", "COOP", COOP),
    coopReportOnly: policy("cross-origin-opener-policy-report-only", "COOP", COOP),
    dip: policy("document-isolation-policy", undefined, DIP),
    dipReportOnly: policy("document-isolation-policy-report-only", undefined, DIP),
    corp: corpOf(linesOf("cross-origin-resource-policy"), legacy2019, problems),
    permitsIsolation: !parseEmptyLists(linesOf("permissions-policy")).includes("cross-origin-isolated"),
    allowlist: allowlist("connection-allowlist", true),
    allowlistReportOnly: allowlist("connection-allowlist-report-only", false),
    endpoints: parseEndpoints(linesOf("reporting-endpoints")),
    problems,
  };
}

function unknownToken({ value }: Parsed<TokenItem>, values: readonly string[]): string | undefined {
  if (value === undefined || values.includes(value.token)) return undefined;
  const lower = values.find((each) => each === value.token.toLowerCase());
  return lower === undefined
    ? `browsers know no value ${value.token}; they know ${values.join(", ")}`
    : `values are in lower case: ${lower}`;
}

/** The whole value must be one of three; it is not a structured field. Undefined otherwise. */
function corpOf(lines: readonly string[], legacy2019: boolean, problems: HeaderProblem[]): CorpValue | undefined {
  if (lines.length === 0) return undefined;
  const value = combine(lines);
  if (CORP.includes(value)) return value as CorpValue;
  const old = legacyAdvice("CORP", value);
  if (old !== undefined && legacy2019) return old.write as CorpValue;
  problems.push({
    header: "cross-origin-resource-policy",
    value,
    problem: `the whole value must be ${CORP.join(", ")}`,
    means: "no policy",
    ...(old && { write: old.write }),
  });
  return undefined;
}

export const isCompatible = (coep: CoepValue): boolean => coep !== "unsafe-none";
