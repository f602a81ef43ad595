/** Browsing context groups: does a popup keep its opener, does a navigation leave its group? (HTML §7.1.3.1 and §7.1.3.2) */

import type { IsolationDocument } from "./document.ts";
import { type FullOrigin, isSameOrigin, publicUrl } from "./origin.ts";
import { type CoepValue, type CoopValue, isCompatible, type ResponsePolicies } from "./policy.ts";
import type { BlockedReason } from "./reasons.ts";
import type { Report } from "./reports.ts";

/** `same-origin-plus-COEP` cannot be written in a header: it is same-origin with a COEP that permits isolation. */
export type OpenerPolicy = CoopValue | "same-origin-plus-COEP";

export interface TopLevel {
  readonly origin: FullOrigin | undefined;
  readonly policy: OpenerPolicy;
}

export const openerPolicy = (coop: CoopValue, coep: CoepValue): OpenerPolicy =>
  coop === "same-origin" && isCompatible(coep) ? "same-origin-plus-COEP" : coop;

const enforced = ({ coop, coep }: ResponsePolicies): OpenerPolicy => openerPolicy(coop.value, coep.value);

/** For the policy that only reports, a COEP that only reports counts too. */
const reported = ({ coopReportOnly, coep, coepReportOnly }: ResponsePolicies): OpenerPolicy =>
  openerPolicy(coopReportOnly.value, isCompatible(coep.value) ? coep.value : coepReportOnly.value);

function match(a: TopLevel, b: TopLevel): boolean {
  if (a.policy === "unsafe-none" || b.policy === "unsafe-none") return a.policy === b.policy;
  return a.policy === b.policy && isSameOrigin(a.origin, b.origin);
}

const ALLOWS_POPUPS: ReadonlySet<OpenerPolicy> = new Set(["same-origin-allow-popups", "noopener-allow-popups"]);

/**
 * True if a navigation must leave the browsing context group, which severs the opener. `isPopup` is the first navigation of a window
 * that `current` has opened.
 */
export function switchesGroup(current: TopLevel, response: TopLevel, isPopup: boolean): boolean {
  if (isPopup) {
    if (response.policy === "noopener-allow-popups") return true;
    if (ALLOWS_POPUPS.has(current.policy) && response.policy === "unsafe-none") return false;
  }
  return !match(current, response);
}

/** The fate of a navigation. */
export interface NavigationVerdict {
  readonly blocked: BlockedReason | undefined;
  /** True if the page leaves its browsing context group: its opener is null, and handles to it are closed. */
  readonly switchesGroup: boolean;
  /** The response, among the redirects and the final one, that made it leave. */
  readonly switchedBy?: string;
  readonly reports: readonly Report[];
}

/** The window that navigates. */
export interface NavigationOptions {
  /** True for the first navigation of a window that a page opened. */
  readonly isPopup?: boolean;
  /** True if the window was opened from a sandbox without `allow-popups-to-escape-sandbox`. */
  readonly isSandboxed?: boolean;
}

/**
 * A top-level navigation away from `current`. `hops` are the redirects and the final document, each with its own policies: each is
 * enforced in its turn (HTML §7.4.5, "check an opener policy").
 */
export function judgeNavigation(
  current: IsolationDocument,
  hops: readonly IsolationDocument[],
  { isPopup = false, isSandboxed = false }: NavigationOptions = {},
): NavigationVerdict {
  const start = { origin: current.origin, policies: current.policies, url: current.url, isPopup };
  return walk(start, hops, isSandboxed);
}

interface Position {
  readonly origin: FullOrigin | undefined;
  /** Undefined for an about:blank without a policy. */
  readonly policies: ResponsePolicies | undefined;
  readonly url: string;
  readonly isPopup: boolean;
}

function walk(start: Position, hops: readonly IsolationDocument[], isSandboxed: boolean): NavigationVerdict {
  const reports: Report[] = [];
  let at = start;
  let switchedBy: string | undefined;
  for (const hop of hops) {
    const policy = enforced(hop.policies);
    if (isSandboxed && hop.policies.coop.value !== "unsafe-none") {
      const blocked = "coop-sandboxed-iframe-cannot-navigate-to-coop-page";
      return { blocked, switchesGroup: switchedBy !== undefined, reports };
    }
    const now = {
      origin: at.origin,
      policy: at.policies === undefined ? ("unsafe-none" as const) : enforced(at.policies),
    };
    const next = { origin: hop.origin, policy };
    if (switchesGroup(now, next, at.isPopup)) {
      switchedBy ??= hop.url;
      reports.push(...navigationReports(at, hop, "enforce"));
    }
    if (wouldSwitch(at, hop)) reports.push(...navigationReports(at, hop, "reporting"));
    at = { origin: hop.origin, policies: hop.policies, url: hop.url, isPopup: at.isPopup };
  }
  return {
    blocked: undefined,
    switchesGroup: switchedBy !== undefined,
    ...(switchedBy !== undefined && { switchedBy }),
    reports,
  };
}

/** HTML "virtual browsing context group": both policies that only report differ, and one of them differs from what is enforced. */
function wouldSwitch(at: Position, hop: IsolationDocument): boolean {
  const of = (policies: ResponsePolicies | undefined, which: typeof enforced): OpenerPolicy =>
    policies === undefined ? "unsafe-none" : which(policies);
  const differs = (from: OpenerPolicy, to: OpenerPolicy): boolean =>
    switchesGroup({ origin: at.origin, policy: from }, { origin: hop.origin, policy: to }, at.isPopup);
  const [now, nowReported] = [of(at.policies, enforced), of(at.policies, reported)];
  const [next, nextReported] = [enforced(hop.policies), reported(hop.policies)];
  return differs(nowReported, nextReported) && (differs(nowReported, next) || differs(now, nextReported));
}

/** To the page that is left, and to the one that is reached; each learns URLs of its own origin only. */
function navigationReports(at: Position, hop: IsolationDocument, disposition: "enforce" | "reporting"): Report[] {
  const isSame = isSameOrigin(at.origin, hop.origin);
  const which = disposition === "enforce" ? "coop" : "coopReportOnly";
  const made: Report[] = [];
  const to = hop.policies[which];
  if (to.reportTo !== undefined) {
    made.push({
      type: "coop",
      reportTo: to.reportTo,
      body: {
        type: "navigation-to-response",
        disposition,
        effectivePolicy: effective(disposition, hop.policies),
        previousResponseURL: isSame ? publicUrl(at.url) : "",
      },
    });
  }
  const from = at.policies?.[which];
  if (from?.reportTo !== undefined) {
    made.push({
      type: "coop",
      reportTo: from.reportTo,
      body: {
        type: "navigation-from-response",
        disposition,
        effectivePolicy: effective(disposition, at.policies!),
        nextResponseURL: isSame ? publicUrl(hop.url) : "",
      },
    });
  }
  return made;
}

const effective = (disposition: string, policies: ResponsePolicies): string => {
  const policy = disposition === "enforce" ? enforced(policies) : reported(policies);
  return policy === "same-origin-plus-COEP" ? "same-origin-plus-coep" : policy;
};

/** The page that opens a popup. */
export interface Opener {
  readonly topLevel: IsolationDocument;
  /** The frame that opens the popup. Default: the top-level document itself. */
  readonly frame?: IsolationDocument;
  readonly isSandboxed?: boolean;
}

/** The fate of a popup. */
export interface PopupVerdict extends NavigationVerdict {
  /** True if `window.opener` of the popup is the opener, and the opener's handle stays open. */
  readonly keepsOpener: boolean;
}

/** `window.open(url)` without `noopener`: `hops` are the popup's redirects and its final document. */
export function judgePopup(
  { topLevel, frame = topLevel, isSandboxed = false }: Opener,
  hops: readonly IsolationDocument[],
): PopupVerdict {
  const policy = enforced(topLevel.policies);
  const isSame = isSameOrigin(frame.origin, topLevel.origin);
  // HTML §7.2.2.1: a frame of another origin in a page with COOP same-origin opens windows without an opener.
  const isOpenedWithout = !isSame && (policy === "same-origin" || policy === "same-origin-plus-COEP");
  // The popup's about:blank has its creator's policy, if the creator may know it.
  const blank: Position = {
    origin: frame.origin,
    policies: isSame ? topLevel.policies : undefined,
    url: topLevel.url,
    isPopup: true,
  };
  const verdict = walk(blank, hops, isSandboxed);
  return { ...verdict, keepsOpener: !isOpenedWithout && !verdict.switchesGroup && verdict.blocked === undefined };
}
