/** Findings about cookies: each one's fate in first-party and third-party use. */

import {
  type CookieContext,
  CookieStore,
  parseOrigin,
  REASONS,
  type Reason,
  type Target,
  WARNINGS,
} from "../cookies/index.ts";
import { originText } from "../isolation/index.ts";
import { documentOrigin } from "./document-origin.ts";
import type { AuditFacts, Hop } from "./facts.ts";
import { type Finding, finding } from "./findings.ts";

/** Of one page; more are not looked at. */
const MAX_COOKIES = 200;
const OTHER_SITE = "https://other.example";

/** A Set-Cookie line, and the documents around its response. */
interface Line {
  readonly url: string;
  readonly line: string;
  readonly context: CookieContext;
}

export function cookieFindings(facts: AuditFacts): Finding[] {
  const site = facts.embedder?.url ?? OTHER_SITE;
  const found = new Map<string, Finding>();
  const lines = linesOf(facts);
  for (const each of lines.slice(0, MAX_COOKIES)) {
    for (const one of judgeLine(each, site, facts.now)) found.set(`${one.id} ${one.url} ${one.evidence.cookie}`, one);
  }
  if (lines.length > MAX_COOKIES) {
    const message = `of ${lines.length} cookies, only ${MAX_COOKIES} were looked at`;
    found.set("limits", finding("load/limits", facts.url, message, { limits: [message] }));
  }
  return [...found.values()];
}

function* responsesOf({ documents, resources }: AuditFacts): Generator<{ hop: Hop; context: CookieContext }> {
  const top = documents[0]?.response?.url ?? documents[0]?.url;
  for (const { response, parent } of documents) {
    const context: CookieContext = parent === undefined || top === undefined ? {} : { kind: "frame", topLevel: top };
    for (const hop of response === undefined ? [] : [...response.redirects, response]) yield { hop, context };
  }
  for (const { response, document } of resources) {
    const frame = documents[document];
    const frames = frame?.parent === undefined ? [] : [originText(documentOrigin(documents, document))];
    const context: CookieContext = { kind: "subresource", topLevel: top ?? "null", frames };
    for (const hop of response === undefined ? [] : [...response.redirects, response]) yield { hop, context };
  }
}

function linesOf(facts: AuditFacts): Line[] {
  const lines: Line[] = [];
  for (const { hop, context } of responsesOf(facts)) {
    for (const [name, line] of hop.fields)
      if (name.toLowerCase() === "set-cookie") lines.push({ url: hop.url, line, context });
  }
  return lines;
}

function targetOf(url: string): Target | undefined {
  const origin = parseOrigin(url);
  if (origin === undefined) return undefined;
  const path = /^[a-z]+:\/\/[^/?#]*(\/[^?#]*)?/i.exec(url)?.[1] ?? "/";
  return { ...origin, path };
}

const sentences = (reasons: readonly Reason[]): string => reasons.map((each) => REASONS[each]).join("; ");

function judgeLine({ url, line, context }: Line, site: string, now: number): Finding[] {
  const target = targetOf(url);
  if (target === undefined) return [];
  const here = new CookieStore().set(line, target, context, now);
  const cookie = line.split(/[=;]/, 1)[0]!.trim();
  const isThirdParty = context.topLevel !== undefined;
  if (
    here.kind === "refused" &&
    !(isThirdParty && here.reasons.every((each) => /SameSite(?!NoneInsecure)/.test(each)))
  ) {
    return [
      finding(
        "cookies/refused",
        url,
        `the cookie ${cookie} is refused: ${sentences(here.reasons)}`,
        { cookie, line, reasons: here.reasons },
        adviceFor(here.reasons, line),
      ),
    ];
  }
  const first = fate(line, target, {}, { kind: "top-level", initiator: site }, now);
  const embedded: CookieContext = { kind: "subresource", topLevel: site };
  const third = fate(line, target, embedded, embedded, now);
  const blocked = fate(line, target, embedded, embedded, now, "block");
  const evidence = {
    cookie,
    line,
    ownPages: fate(line, target, {}, { kind: "subresource", topLevel: url }, now),
    linkFromOtherSite: first,
    postFromOtherSite: fate(line, target, {}, { kind: "top-level", initiator: site, method: "POST" }, now + OLD),
    embeddedInOtherSite: third,
    embeddedAndThirdPartyCookiesBlocked: blocked,
  };
  const says = (value: string): string => (value === "sent" ? "yes" : "no");
  const found = [
    finding(
      "cookies/fate",
      url,
      `the cookie ${cookie}: on its own pages ${says(evidence.ownPages)}; after a link from another site ${says(first)}; embedded in ${site} ${says(third)}; the same where third-party cookies are blocked ${says(blocked)}`,
      evidence,
    ),
  ];
  if (third !== "sent" || blocked !== "sent") {
    const why = third === "sent" ? "browsers that block third-party cookies leave it out" : third;
    found.push(
      finding(
        "cookies/not-third-party",
        url,
        `the cookie ${cookie} does not work when embedded in ${site}: ${why}`,
        evidence,
        "for embedded use, write SameSite=None; Secure; Partitioned",
      ),
    );
  }
  if (here.kind === "stored") {
    for (const warning of here.warnings)
      if (warning !== "LaxAllowUnsafe")
        found.push(
          finding("cookies/warning", url, `the cookie ${cookie}: ${WARNINGS[warning]}`, { cookie, line, warning }),
        );
  }
  return found;
}

/** Older than the two minutes in which Chromium is lenient. */
const OLD = 180_000;

/** `sent`, or a sentence that says why not. */
function fate(
  line: string,
  target: Target,
  setIn: CookieContext,
  sentIn: CookieContext,
  now: number,
  thirdParty: "allow" | "block" = "allow",
): string {
  const store = new CookieStore({ thirdParty });
  const set = store.set(line, target, setIn, now);
  if (set.kind === "deleted") return "it is deleted";
  if (set.kind === "refused") return `not stored: ${sentences(set.reasons)}`;
  // Where its own path and host are.
  const { domain, path } = set.cookie;
  const [verdict] = store.explain({ ...target, host: set.cookie.hostOnly ? target.host : domain, path }, sentIn, now);
  return verdict === undefined || verdict.reasons.length > 0
    ? `not sent: ${sentences(verdict?.reasons ?? [])}`
    : "sent";
}

function adviceFor(reasons: readonly Reason[], line: string): string {
  if (reasons.includes("SameSiteNoneInsecure")) return `add Secure: ${line}; Secure`;
  if (reasons.includes("InvalidPrefix")) return "__Host- needs Secure, Path=/ and no Domain; __Secure- needs Secure";
  if (reasons.includes("InvalidDomain"))
    return "leave Domain out, or name the host or a parent domain that is no public suffix";
  if (reasons.includes("SecureOnly")) return "serve it over https";
  return "setCookie() of nagare/cookies says so before it is sent";
}
