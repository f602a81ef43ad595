/** The policies of a response: COOP, COEP and CORP (HTML §7.1.3 and §7.1.4, Fetch "cross-origin resource policy"). */

import { isTrustworthy, type Origin } from "../cookies/index.ts";

export type CoepValue = "unsafe-none" | "require-corp" | "credentialless";
export type CoopValue = "unsafe-none" | "same-origin" | "same-origin-allow-popups" | "noopener-allow-popups";
export type CorpValue = "same-origin" | "same-site" | "cross-origin";

export interface Policy<Value> {
  readonly value: Value;
  /** The name of the endpoint of reports. */
  readonly reportTo: string | undefined;
}

const COEP: readonly string[] = ["unsafe-none", "require-corp", "credentialless"];
const COOP: readonly string[] = ["unsafe-none", "same-origin", "same-origin-allow-popups", "noopener-allow-popups"];
const CORP: readonly string[] = ["same-origin", "same-site", "cross-origin"];

const TOKEN = "[A-Za-z*][\\w!#$%&'*+.^`|~:/-]*";
const STRING = '"(?:[ !#-\\[\\]-~]|\\\\["\\\\])*"';
const BARE = `(?:${STRING}|${TOKEN}|-?\\d{1,15}(?:\\.\\d{1,3})?|\\?[01]|:[A-Za-z\\d+/=]*:)`;
const PARAMETER = `; *([a-z*][a-z\\d_.*-]*)(?:=(${BARE}))?`;
const ITEM = new RegExp(`^ *(${TOKEN})((?:${PARAMETER})*) *$`);

/** RFC 9651: an Item whose bare item is a token. Undefined for everything else, two lines included. */
export function parseTokenItem(
  field: string,
): { readonly token: string; readonly reportTo: string | undefined } | undefined {
  // RFC 9110 §5.5: blanks around a field are not part of it.
  const match = ITEM.exec(field.replace(/^[ \t]+|[ \t]+$/g, ""));
  if (match === null) return undefined;
  let reportTo: string | undefined;
  for (const [, name, value] of match[2]!.matchAll(new RegExp(PARAMETER, "g"))) {
    // The last one counts; what is not a string is ignored, and the policy kept.
    if (name === "report-to")
      reportTo = value?.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : undefined;
  }
  return { token: match[1]!, reportTo };
}

/** `fields` are the lines of Cross-Origin-Embedder-Policy, or of its -Report-Only. Only secure contexts have one. */
export const coepOf = (fields: readonly string[], document: Origin): Policy<CoepValue> =>
  policyOf(fields, document, COEP) as Policy<CoepValue>;

/** `fields` are the lines of Cross-Origin-Opener-Policy, or of its -Report-Only. */
export const coopOf = (fields: readonly string[], document: Origin): Policy<CoopValue> =>
  policyOf(fields, document, COOP) as Policy<CoopValue>;

function policyOf(fields: readonly string[], document: Origin, values: readonly string[]): Policy<string> {
  const item = isTrustworthy(document) ? parseTokenItem(fields.join(", ")) : undefined;
  if (item === undefined || !values.includes(item.token)) return { value: "unsafe-none", reportTo: undefined };
  return { value: item.token, reportTo: item.reportTo };
}

/** The whole value must be one of three; it is not a structured field. Undefined otherwise. */
export function corpOf(fields: readonly string[]): CorpValue | undefined {
  const value = fields.join(", ").replace(/^[ \t]+|[ \t]+$/g, "");
  return CORP.includes(value) ? (value as CorpValue) : undefined;
}

export const isCompatible = (coep: CoepValue): boolean => coep !== "unsafe-none";

/** What a browser makes today of the values that articles of 2019 and 2020 used, and what to write instead. */
export function legacyAdvice(
  header: "COOP" | "COEP" | "CORP",
  value: string,
): { readonly means: string; readonly write: string } | undefined {
  return LEGACY[`${header}: ${value.trim().replace(/\s+/g, " ").toLowerCase()}`];
}

const LEGACY: Readonly<Record<string, { readonly means: string; readonly write: string }>> = {
  "COOP: same-origin unsafe-allow-outgoing": {
    means: "unsafe-none: two tokens are invalid",
    write: "same-origin-allow-popups",
  },
  "COOP: same-site": { means: "unsafe-none: an unknown token", write: "same-origin" },
  "COOP: same-site unsafe-allow-outgoing": {
    means: "unsafe-none: two tokens are invalid",
    write: "same-origin-allow-popups",
  },
  "COOP: unsafe-inherit": { means: "unsafe-none: an unknown token", write: "unsafe-none" },
  "CORP: cross-site": { means: "no policy, which require-corp blocks", write: "cross-origin" },
  "COEP: cors-or-credentialless": { means: "unsafe-none: an unknown token", write: "credentialless" },
};
