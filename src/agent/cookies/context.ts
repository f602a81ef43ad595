/**
 * The context of a request, as a value: which document asks for it, and how. From it follow what SameSite allows (RFC 6265bis
 * §5.2), the partition (CHIPS), and whether a cookie is a third party's.
 */

import type { PartitionKey } from "./cookie.ts";
import { isSameSite, type Origin, parseOrigin, siteOf } from "./site.ts";

/** Where a request goes, or where a document is. */
export interface Target extends Origin {
  /** The path of the URL, without its query. */
  readonly path: string;
}

/**
 * Without any member: a request of a program, or of a person who types an address. Origins are texts such as
 * `https://www.example.com`, or `null` for an opaque one; a URL is accepted too.
 */
export interface CookieContext {
  /** The origin of the top-level document. Default: the request is for a top-level document. */
  readonly topLevel?: string;
  /** The origins of the frames between the top-level document and the request, outermost first. Default: none. */
  readonly frames?: readonly string[];
  /**
   * The origin that caused the request. Default: the innermost document for `subresource` and `frame`; nobody, as if the
   * address was typed, for `top-level`.
   */
  readonly initiator?: string;
  /** The method of the current request, after redirects. Default: GET. */
  readonly method?: string;
  /** What the response is for. Default: `subresource` if there is a top-level document, otherwise `top-level`. */
  readonly kind?: "top-level" | "frame" | "subresource";
  /** The URLs that redirected to this one, first to last. They count only with the option `redirectChain`. */
  readonly redirects?: readonly string[];
  /** True for `document.cookie`, which neither sees nor sets HttpOnly cookies. */
  readonly script?: boolean;
}

/** `strict` sends all cookies, `lax` all but Strict; `lax-unsafe` is a cross-site top-level POST. */
export type SameSiteMode = "strict" | "lax" | "lax-unsafe" | "cross-site";

/** What cookies need to know of a context. */
export interface Situation {
  readonly mode: SameSiteMode;
  /** The mode if http and https were one site: tells schemes apart from sites in reasons. */
  readonly schemelessMode: SameSiteMode;
  /** Undefined if the top-level document is opaque. */
  readonly partitionKey: PartitionKey | undefined;
  /** True if the cookies are those of a third party for the user. */
  readonly isThirdParty: boolean;
  readonly isTopLevel: boolean;
  readonly script: boolean;
}

/** RFC 9110 §9.2.1 */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

export interface SituationRules {
  /** True if a cross-site hop among the redirects makes a request cross-site. */
  readonly redirectChain: boolean;
}

export function situationOf(target: Origin, context: CookieContext, rules: SituationRules): Situation {
  const { kind = context.topLevel === undefined ? "top-level" : "subresource", script = false } = context;
  const documents =
    kind === "top-level" ? [] : [context.topLevel ?? "null", ...(context.frames ?? [])].map(parseOrigin);
  const initiator = initiatorOf(context, kind, documents, target);
  const mode = (schemeful: boolean): SameSiteMode => {
    const isFirstParty = kind === "top-level" || isSiteForCookies(documents, target, schemeful);
    const redirects = rules.redirectChain ? (context.redirects ?? []) : [];
    const isSame =
      isSameSite(initiator, target, schemeful) &&
      redirects.every((each) => isSameSite(parseOrigin(each), target, schemeful));
    if (isFirstParty && isSame) return "strict";
    if (kind !== "top-level") return "cross-site";
    return SAFE_METHODS.has(context.method ?? "GET") ? "lax" : "lax-unsafe";
  };
  const isTopLevel = kind === "top-level";
  const schemeful = mode(true);
  let key: PartitionKey | undefined;
  let isKeyKnown = false;
  return {
    mode: schemeful,
    schemelessMode: schemeful === "strict" ? "strict" : mode(false),
    // Only partitioned cookies need it, and it takes longer than all else.
    get partitionKey() {
      if (!isKeyKnown) key = partitionKeyOf(target, documents, kind);
      isKeyKnown = true;
      return key;
    },
    isThirdParty: !isTopLevel && !isSiteForCookies(documents, target, true),
    isTopLevel,
    script,
  };
}

function initiatorOf(
  { initiator }: CookieContext,
  kind: string,
  documents: readonly (Origin | undefined)[],
  target: Origin,
): Origin | undefined {
  if (initiator !== undefined) return parseOrigin(initiator);
  return kind === "top-level" ? target : documents.at(-1);
}

/** RFC 6265bis §5.2.1: the site of the top-level document, if all documents are of that site. */
function isSiteForCookies(documents: readonly (Origin | undefined)[], target: Origin, schemeful: boolean): boolean {
  return documents.every((each) => isSameSite(each, target, schemeful));
}

/** CHIPS, with the ancestors as Chromium counts them. */
function partitionKeyOf(
  target: Origin,
  documents: readonly (Origin | undefined)[],
  kind: string,
): PartitionKey | undefined {
  if (kind === "top-level") return { topLevelSite: siteOf(target), hasCrossSiteAncestor: false };
  const [top] = documents;
  if (top === undefined) return undefined;
  return { topLevelSite: siteOf(top), hasCrossSiteAncestor: !isSiteForCookies(documents, target, true) };
}
