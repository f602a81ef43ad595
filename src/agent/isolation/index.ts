/** Cross-origin isolation: what the headers of a page and its resources lead to. */

export { type Allowlist, allowsRedirect, allowsUrl, parseAllowlist } from "./allowlist.ts";
export { type DocumentResponse, documentOf, type IsolationDocument } from "./document.ts";
export { type EmbeddingVerdict, type FrameResponse, judgeFrame, judgeWorker } from "./embedding.ts";
export {
  type EmbeddedDocument,
  ISOLATION_LACKS,
  type IsolationLack,
  type IsolationVerdict,
  judgeIsolation,
  judgeWorkerIsolation,
} from "./isolated.ts";
export { type Coop2019, keepsOpener2019, type LegacyAdvice, legacyAdvice, parseCoop2019 } from "./legacy.ts";
export {
  judgeNavigation,
  judgePopup,
  type NavigationOptions,
  type NavigationVerdict,
  type Opener,
  type OpenerPolicy,
  openerPolicy,
  type PopupVerdict,
  switchesGroup,
  type TopLevel,
} from "./opener.ts";
export { type FullOrigin, fullOriginOf, isSameOrigin, originText } from "./origin.ts";
export {
  type CoepValue,
  type CoopValue,
  type CorpValue,
  type DipValue,
  type Fields,
  type HeaderProblem,
  isCompatible,
  type Policy,
  type PolicyOptions,
  type ResponsePolicies,
  readPolicies,
} from "./policy.ts";
export { BLOCKED_REASONS, type BlockedReason } from "./reasons.ts";
export type { Report } from "./reports.ts";
export { judgeConnection, judgeResource, omitsCredentials, type ResourceRequest, type Verdict } from "./resource.ts";
