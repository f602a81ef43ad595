/** Why a browser blocks a load, by the names of Chromium's DevTools protocol where it has one. */

export const BLOCKED_REASONS = {
  "corp-not-same-origin": "its Cross-Origin-Resource-Policy is same-origin, and the document is of another origin",
  "corp-not-same-site": "its Cross-Origin-Resource-Policy is same-site, and the document is of another site",
  "corp-not-same-origin-after-defaulted-to-same-origin-by-coep":
    "it has no Cross-Origin-Resource-Policy, which the document's Cross-Origin-Embedder-Policy requires",
  "corp-not-same-origin-after-defaulted-to-same-origin-by-dip":
    "it has no Cross-Origin-Resource-Policy, which the document's Document-Isolation-Policy requires",
  "corp-not-same-origin-after-defaulted-to-same-origin-by-coep-and-dip":
    "it has no Cross-Origin-Resource-Policy, which the document's Cross-Origin-Embedder-Policy and Document-Isolation-Policy require",
  "coep-frame-resource-needs-coep-header":
    "a frame or worker of a document with Cross-Origin-Embedder-Policy needs that header itself",
  "coop-sandboxed-iframe-cannot-navigate-to-coop-page":
    "a sandboxed browsing context cannot show a page with Cross-Origin-Opener-Policy",
  "connection-allowlist": "the document's Connection-Allowlist does not name it",
  "connection-allowlist-redirect": "the document's Connection-Allowlist blocks redirects",
} as const;

/** Why something is blocked; `BLOCKED_REASONS` has a sentence about each. */
export type BlockedReason = keyof typeof BLOCKED_REASONS;
