/** The value of `crossOriginIsolated`, and what it lacks. (HTML "cross-origin isolated capability") */

import type { IsolationDocument } from "./document.ts";
import { isSameOrigin } from "./origin.ts";
import { isCompatible } from "./policy.ts";

/** What keeps a document from being isolated. */
export const ISOLATION_LACKS = {
  "not-secure": "it is not a secure context: use https",
  "no-coop": "the page's Cross-Origin-Opener-Policy is not same-origin",
  "no-coep": "the page's Cross-Origin-Embedder-Policy is neither require-corp nor credentialless",
  "worker-shared": "shared and service workers are not isolated",
  "worker-opaque": "a worker of a data: URL has no origin, and is not isolated",
  "frame-not-allowed": 'a frame of another origin needs allow="cross-origin-isolated"',
  "permissions-policy": "the Permissions-Policy of the page turns cross-origin-isolated off",
} as const;

/** What keeps a document from being cross-origin isolated. */
export type IsolationLack = keyof typeof ISOLATION_LACKS;

/** A document within the page. */
export interface EmbeddedDocument {
  readonly document: IsolationDocument;
  /** True for `<iframe allow="cross-origin-isolated">`. */
  readonly isAllowed?: boolean;
}

/** Whether a document is cross-origin isolated, and why not. */
export interface IsolationVerdict {
  readonly isolated: boolean;
  /** `coop-and-coep`: the page and its group are; `dip`: this document alone is. */
  readonly by?: "coop-and-coep" | "dip";
  /** In the order in which they are mended; empty if it is isolated. */
  readonly lacks: readonly IsolationLack[];
}

/** `frames` lead from the top-level document to the one that is asked about, outermost first. */
export function judgeIsolation(
  topLevel: IsolationDocument,
  frames: readonly EmbeddedDocument[] = [],
): IsolationVerdict {
  const innermost = frames.at(-1)?.document ?? topLevel;
  const lacks: IsolationLack[] = [];
  if (!topLevel.isSecure || !innermost.isSecure) lacks.push("not-secure");
  // It needs neither the page nor its Permissions-Policy.
  else if (innermost.policies.dip.value !== "none") return { isolated: true, by: "dip", lacks };
  const { coop, coep } = topLevel.policies;
  if (coop.value !== "same-origin") lacks.push("no-coop");
  if (!isCompatible(coep.value)) lacks.push("no-coep");
  lacks.push(...frameLacks(topLevel, frames));
  return lacks.length === 0 ? { isolated: true, by: "coop-and-coep", lacks } : { isolated: false, lacks };
}

function frameLacks(topLevel: IsolationDocument, frames: readonly EmbeddedDocument[]): IsolationLack[] {
  const lacks = new Set<IsolationLack>();
  let parent = topLevel;
  if (!topLevel.policies.permitsIsolation) lacks.add("permissions-policy");
  for (const { document, isAllowed = false } of frames) {
    if (!isSameOrigin(parent.origin, document.origin) && !isAllowed) lacks.add("frame-not-allowed");
    if (!document.policies.permitsIsolation) lacks.add("permissions-policy");
    parent = document;
  }
  return [...lacks];
}

/** A dedicated worker is isolated like its owner. */
export function judgeWorkerIsolation(
  owner: IsolationVerdict,
  kind: "dedicated" | "shared" | "service",
  worker: IsolationDocument,
): IsolationVerdict {
  // Chromium: never the shared ones, whatever their own headers.
  if (kind !== "dedicated") return { isolated: false, lacks: ["worker-shared"] };
  if (worker.origin === undefined) return { isolated: false, lacks: ["worker-opaque"] };
  return owner;
}
