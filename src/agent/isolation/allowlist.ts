/**
 * Connection-Allowlist (WICG, Chrome 152): the URLs that a document or worker may connect to. Unlike other policies it fails closed: a
 * header that browsers cannot read blocks every connection.
 */

import type { BareItem } from "structured-headers";
import { URLPattern } from "urlpattern-polyfill/urlpattern";
import { type FullOrigin, originText } from "./origin.ts";
import { parseMembers, textOf, tokenOf } from "./structured-field.ts";

/** A Connection-Allowlist. */
export interface Allowlist {
  /** URL patterns; the token `response-origin` is the origin of the response here. Empty: every connection is blocked. */
  readonly patterns: readonly string[];
  readonly redirects: "block" | "allow";
  readonly webrtc: "block" | "allow";
  /** The name of the endpoint of reports. */
  readonly reportTo: string | undefined;
  readonly problems: readonly string[];
}

const EMPTY: Allowlist = { patterns: [], redirects: "block", webrtc: "block", reportTo: undefined, problems: [] };

export function parseAllowlist(lines: readonly string[], responseOrigin: FullOrigin | undefined): Allowlist {
  const { value: members, problem } = parseMembers(lines);
  if (members === undefined) return { ...EMPTY, problems: [problem] };
  const [first] = members;
  if (first?.items === undefined)
    return { ...EMPTY, problems: ['its first member is no inner list, such as ("https://api.example")'] };
  const problems = members.length > 1 ? ["browsers read only the first of its lists"] : [];
  const patterns: string[] = [];
  for (const item of first.items) {
    const text = textOf(item);
    if (tokenOf(item) === "response-origin") patterns.push(originText(responseOrigin));
    else if (text === undefined) problems.push("an item is neither a quoted URL pattern nor response-origin");
    else if (compile(text) === undefined) problems.push(`"${text}" is not an absolute URL pattern`);
    else {
      if (/^wss?:/i.test(text)) problems.push(`"${text}" never matches: browsers compare WebSockets as http and https`);
      patterns.push(text);
    }
  }
  if (first.items.length === 0) problems.push("an empty list allows no connection, not even to the page's own origin");
  const { parameters } = first;
  // Here, unlike in COOP and COEP, the endpoint is a token.
  const reportTo = tokenOf(parameters.get("report-to"));
  if (parameters.has("report-to") && reportTo === undefined) problems.push("report-to is a token here, without quotes");
  return {
    patterns,
    redirects: choice(parameters.get("redirects")),
    webrtc: choice(parameters.get("webrtc")),
    reportTo,
    problems,
  };
}

/** Another token than `block` allows, as in Chromium. */
const choice = (value: BareItem | undefined): "block" | "allow" =>
  (tokenOf(value) ?? "block") === "block" ? "block" : "allow";

/** True if the list lets a document connect to a URL. URLs without a connection always pass. */
export function allowsUrl(allowlist: Allowlist, url: string): boolean {
  if (/^(?:about|blob|data):/i.test(url)) return true;
  // WebSockets are compared as HTTP.
  const compared = url.replace(/^ws(?=s?:)/i, "http").replace(/#.*$/s, "");
  return allowlist.patterns.some((each) => compile(each)?.test(compared) === true);
}

/** True if a redirect of an allowed request is followed. The first server has been contacted all the same. */
export const allowsRedirect = ({ redirects }: Allowlist): boolean => redirects === "allow";

const MAX_COMPILED = 500;
const compiled = new Map<string, URLPattern | undefined>();

/** Undefined if it is not an absolute pattern. */
function compile(pattern: string): URLPattern | undefined {
  if (compiled.has(pattern)) return compiled.get(pattern);
  let made: URLPattern | undefined;
  try {
    made = new URLPattern(pattern);
  } catch {
    made = undefined;
  }
  // Patterns come from others.
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  compiled.set(pattern, made);
  return made;
}
