/** Structured fields (RFC 9651) as browsers read policies: a value, or a sentence that says why there is none. */

import {
  type BareItem,
  isInnerList,
  type Parameters,
  parseDictionary,
  parseItem,
  parseList,
  Token,
} from "structured-headers";

export type Parsed<Value> =
  | { readonly value: Value; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

export interface TokenItem {
  readonly token: string;
  /** The string of the parameter `report-to`. */
  readonly reportTo: string | undefined;
}

/** RFC 9110 §5.2 and §5.5: several lines are one list, and blanks around a value are not part of it. */
export const combine = (lines: readonly string[]): string => lines.join(", ").replace(/^[ \t]+|[ \t]+$/g, "");

/** An Item whose bare item is a token. */
export function parseTokenItem(lines: readonly string[]): Parsed<TokenItem> {
  const field = combine(lines);
  if (field === "") return { problem: "it is empty" };
  // Lines may be one item, if a string goes on over them; two values are none.
  const item = attempt(() => parseItem(field));
  if (item === undefined) {
    if (lines.length > 1) return { problem: `it stands on ${lines.length} lines, and browsers accept one` };
    const isList = attempt(() => parseList(field)) !== undefined;
    return { problem: isList ? "it is a list, and browsers accept one value" : "it is not a structured field" };
  }
  const [bare, parameters] = item;
  // Chromium reads RFC 8941, which has no dates and no display strings.
  if (![bare, ...parameters.values()].every(isOfRfc8941))
    return { problem: "browsers do not know its dates and display strings (RFC 9651)" };
  if (!(bare instanceof Token)) {
    return { problem: typeof bare === "string" ? "it is a quoted string; remove the quotes" : "it is not a token" };
  }
  // The policy counts even if the name of the endpoint does not.
  return { value: { token: bare.toString(), reportTo: textOf(parameters.get("report-to")) } };
}

const isOfRfc8941 = (value: BareItem): boolean =>
  typeof value !== "object" || value instanceof Token || value instanceof ArrayBuffer;

export interface ListMember {
  /** The items of an inner list; undefined for a single item. */
  readonly items: readonly BareItem[] | undefined;
  readonly parameters: Parameters;
}

export function parseMembers(lines: readonly string[]): Parsed<readonly ListMember[]> {
  const list = attempt(() => parseList(combine(lines)));
  if (list === undefined) return { problem: "it is not a structured field" };
  return {
    value: list.map((member) => ({
      items: isInnerList(member) ? member[0].map(([bare]) => bare) : undefined,
      parameters: member[1],
    })),
  };
}

/** Reporting-Endpoints: a Dictionary whose values are strings; other members are left out. */
export function parseEndpoints(lines: readonly string[]): Readonly<Record<string, string>> {
  const dictionary = attempt(() => parseDictionary(combine(lines)));
  const endpoints: [string, string][] = [];
  for (const [name, member] of dictionary ?? []) {
    if (!isInnerList(member) && typeof member[0] === "string") endpoints.push([name, member[0]]);
  }
  return Object.fromEntries(endpoints);
}

/** Permissions-Policy: the features of a Dictionary that it allows to nobody, as `feature=()`. */
export function parseEmptyLists(lines: readonly string[]): readonly string[] {
  const dictionary = attempt(() => parseDictionary(combine(lines)));
  const features = [...(dictionary ?? [])];
  return features.flatMap(([name, member]) => (isInnerList(member) && member[0].length === 0 ? [name] : []));
}

export const textOf = (value: BareItem | undefined): string | undefined =>
  typeof value === "string" ? value : undefined;

export const tokenOf = (value: BareItem | undefined): string | undefined =>
  value instanceof Token ? value.toString() : undefined;

function attempt<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
