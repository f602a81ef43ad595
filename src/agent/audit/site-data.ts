/** Findings about Clear-Site-Data: what a response clears, and what browsers ignore of it. */

import { isTrustworthy, parseClearSiteData, parseOrigin, SITE_DATA, siteOf } from "../cookies/index.ts";
import { fullOriginOf, isSameOrigin } from "../isolation/index.ts";
import { documentOrigin } from "./document-origin.ts";
import type { AuditFacts, Hop } from "./facts.ts";
import { type Finding, fieldOf, finding, sendText } from "./findings.ts";

const HEADER = "Clear-Site-Data";

interface Response {
  readonly hop: Hop;
  readonly what: string;
  /** True if the request may change cookies. */
  readonly hasCredentials: boolean;
}

export function siteDataFindings(facts: AuditFacts): Finding[] {
  return [...responsesOf(facts)].flatMap(({ hop, what, hasCredentials }) => {
    const value = fieldOf(hop.fields, HEADER.toLowerCase());
    return value === undefined ? [] : [...judge(value, hop, what, hasCredentials)];
  });
}

function* responsesOf({ documents, resources }: AuditFacts): Generator<Response> {
  for (const { response, parent } of documents) {
    const what = parent === undefined ? "the page" : "a frame";
    for (const hop of response === undefined ? [] : [...response.redirects, response])
      yield { hop, what, hasCredentials: true };
  }
  for (const { response, from: what, credentials, document } of resources) {
    const origin = documentOrigin(documents, document);
    for (const hop of response === undefined ? [] : [...response.redirects, response]) {
      const isOwn = isSameOrigin(origin, fullOriginOf(hop.url));
      yield { hop, what, hasCredentials: credentials === "include" || (credentials === "same-origin" && isOwn) };
    }
  }
}

function* judge(value: string, { url, fields }: Hop, what: string, hasCredentials: boolean): Generator<Finding> {
  const { clears, ignored } = parseClearSiteData(value);
  const origin = parseOrigin(url);
  const evidence = { value, clears, ignored };
  const ignore = (why: string, fix: string): Finding =>
    finding("site-data/ignored", url, `${HEADER}: ${value} of ${what} is ignored: ${why}`, evidence, fix);
  if (origin === undefined || !isTrustworthy(origin)) {
    yield ignore("it came over http", "send it over https");
    return;
  }
  if (!hasCredentials) {
    yield ignore("the request has no credentials", "send it in the response of a request with credentials");
    return;
  }
  if (ignored.length > 0 || clears.length === 0) {
    const meant = SITE_DATA.filter((kind) => value.toLowerCase().includes(kind.toLowerCase()));
    const names = (meant.length > 0 ? meant : SITE_DATA).map((kind) => `"${kind}"`).join(", ");
    const headers = [{ url, header: HEADER, value: names }];
    const members = ignored.length > 0 ? ignored.join(", ") : "an empty list";
    yield finding(
      "site-data/ignored",
      url,
      `browsers ignore ${members} in the ${HEADER} of ${what}: names stand in double quotes, in their own case, separated by commas`,
      evidence,
      sendText(headers),
      headers,
    );
  }
  if (clears.length === 0) return;
  const place = clears.includes("cookies") ? `; cookies go in all of ${siteOf(origin)}` : "";
  yield finding("site-data/clears", url, `${what} clears ${clears.join(", ")} of its origin${place}`, evidence);
  const sets = fields.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, line]) => line.split(/[=;]/)[0]!);
  if (clears.includes("cookies") && sets.length > 0) {
    yield finding(
      "site-data/undone",
      url,
      `${what} sets ${sets.join(", ")}, which its own ${HEADER} deletes`,
      { ...evidence, sets },
      `set the cookies in a later response, or delete single ones with Max-Age=0 instead of ${HEADER}`,
    );
  }
}
