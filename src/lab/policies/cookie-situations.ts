/**
 * The situations of requests: which documents are open, what one of them does, and through which redirects. Each is judged with
 * all cookies of `COOKIES`, fresh or older than two minutes.
 */

import type { CookieContext } from "../../agent/cookies/index.ts";

/** What the innermost document does. `top-…` navigates the whole page from within a frame. */
export const ACTIONS = [
  "link",
  "form-get",
  "form-post",
  "open",
  "image",
  "fetch",
  "fetch-post",
  "frame",
  "frame-post",
  "top-link",
  "top-post",
] as const;
export type Action = (typeof ACTIONS)[number];

export interface Situation {
  readonly id: string;
  /** The origins of the documents, the top-level one first. */
  readonly documents: readonly string[];
  /** `typed` is an address that the user types. */
  readonly action: Action | "typed";
  /** The origins that the request passes before it reaches `target`. */
  readonly redirects: readonly string[];
  /** The origin that is asked at last, for the path `/dir/page`. */
  readonly target: string;
}

export const A = "https://site-a.test";
const SUB = "https://sub.site-a.test";
const B = "https://site-b.test";
const HTTP_A = "http://site-a.test";
const HTTP_B = "http://site-b.test";

/** From every kind of document; A is the target, so documents of A are same-origin. */
const DOCUMENTS: readonly (readonly string[])[] = [
  [A],
  [SUB],
  [B],
  [HTTP_A],
  [HTTP_B],
  [A, A],
  [A, SUB],
  [A, B],
  [B, A],
  [B, B],
  [SUB, A],
  [A, B, A],
  [B, A, A],
  [B, A, B],
  [HTTP_A, A],
  [HTTP_B, A],
];

const REDIRECTS: readonly (readonly string[])[] = [[], [B], [SUB], [A, B]];

export function situations(): readonly Situation[] {
  const all: Situation[] = [];
  const add = (
    documents: readonly string[],
    action: Situation["action"],
    redirects: readonly string[],
    target: string,
  ): void => {
    const from = documents.map(short).join(" in ");
    const via = redirects.length === 0 ? "" : ` via ${redirects.map(short).join(", ")}`;
    const id = `${from === "" ? "" : `${[...documents].reverse().map(short).join(" in ")}: `}${action} to ${short(target)}${via}`;
    all.push({ id, documents, action, redirects, target });
  };
  for (const target of [A, HTTP_A]) for (const redirects of REDIRECTS) add([], "typed", redirects, target);
  for (const documents of DOCUMENTS) {
    for (const action of ACTIONS) {
      const isFramed = documents.length > 1;
      if (
        isFramed !== action.startsWith("top-") &&
        (action === "link" || action.startsWith("form") || action === "open" || action.startsWith("top-"))
      )
        continue;
      for (const redirects of REDIRECTS) {
        if (isFramed && redirects.length > 1) continue;
        add(documents, action, redirects, A);
      }
      // A document of https may not load what is http, and its forms ask the user first.
      const isLink = action === "link" || action === "open" || action === "top-link";
      if (isLink || documents.every((each) => each.startsWith("http:"))) add(documents, action, [], HTTP_A);
    }
  }
  return all;
}

const short = (origin: string): string =>
  origin
    .replace("https://", "")
    .replace("http://", "http ")
    .replace(".test", "")
    .replace("site-", "")
    .toUpperCase()
    .replace("HTTP", "http")
    .replace("SUB.A", "sub.A");

/** Situations whose verdict depends on the age of cookies: unsafe methods; and one of each other kind, as a control. */
export const isAgedToo = ({ action, redirects }: Situation): boolean =>
  action.endsWith("post") || redirects.length === 0;

/** The cookies of `https://site-a.test/dir/page`, by name. Those of frames are set in a frame of that page. */
export const COOKIES: readonly { readonly line: string; readonly documents: readonly string[] }[] = [
  { line: "st=1; Path=/; Secure; SameSite=Strict", documents: [] },
  { line: "la=1; Path=/; Secure; SameSite=Lax", documents: [] },
  { line: "no=1; Path=/; Secure; SameSite=None", documents: [] },
  { line: "un=1; Path=/; Secure", documents: [] },
  { line: "sp=1; Path=/; SameSite=Strict", documents: [] },
  { line: "lp=1; Path=/; SameSite=Lax", documents: [] },
  { line: "up=1; Path=/", documents: [] },
  { line: "bo=1; Path=/; Secure; SameSite=Bogus", documents: [] },
  { line: "ho=1; Path=/; Secure; HttpOnly; SameSite=None", documents: [] },
  { line: "do=1; Path=/; Secure; SameSite=None; Domain=site-a.test", documents: [] },
  { line: "ot=1; Path=/other; Secure; SameSite=None", documents: [] },
  { line: "pf=1; Path=/; Secure; SameSite=None; Partitioned", documents: [] },
  { line: "pl=1; Path=/; Secure; Partitioned", documents: [] },
  { line: "pb=1; Path=/; Secure; SameSite=None; Partitioned", documents: [B] },
  { line: "pc=1; Path=/; Secure; SameSite=None; Partitioned", documents: [A, B] },
];

/** The lines with which the target answers in every situation: `{n}` makes their names unique. */
export const RESPONSE_LINES: readonly string[] = [
  "st{n}=1; Path=/set; Secure; SameSite=Strict",
  "la{n}=1; Path=/set; Secure; SameSite=Lax",
  "no{n}=1; Path=/set; Secure; SameSite=None",
  "un{n}=1; Path=/set; Secure",
  "up{n}=1; Path=/set",
  "in{n}=1; Path=/set; SameSite=None",
  "pf{n}=1; Path=/set; Secure; SameSite=None; Partitioned",
  "pl{n}=1; Path=/set; Secure; SameSite=Lax; Partitioned",
  "ho{n}=1; Path=/set; Secure; HttpOnly; SameSite=None",
];

/** The situation as a context of our own rules. */
export function contextOf({ documents, action, redirects }: Situation): CookieContext {
  const [topLevel, ...frames] = documents;
  const initiator = documents.at(-1);
  const method = action.endsWith("post") ? "POST" : "GET";
  if (topLevel === undefined || initiator === undefined) return { redirects };
  if (/^(?:link|form|open|top-)/.test(action)) return { kind: "top-level", initiator, method, redirects };
  return { kind: action.startsWith("frame") ? "frame" : "subresource", topLevel, frames, initiator, method, redirects };
}
