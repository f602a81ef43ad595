/**
 * What COOP, COEP, CORP and their kin make a browser do. Experimental.
 *
 * @module nagare/isolation
 */

export {
  type Allowlist, // Connection-Allowlist
  allowsRedirect,
  allowsUrl,
  BLOCKED_REASONS, // why a load is blocked, as sentences
  type BlockedReason,
  type CoepValue,
  type Coop2019, // the rules of 2019
  type CoopValue,
  type CorpValue,
  type DipValue,
  type DocumentResponse,
  documentOf, // a document with its policies, from its response or its creator
  type EmbeddedDocument,
  type EmbeddingVerdict,
  type Fields,
  type FrameResponse,
  type FullOrigin,
  type HeaderProblem, // a header that browsers ignore, with the reason
  ISOLATION_LACKS, // why a document is not isolated, as sentences
  type IsolationDocument,
  type IsolationLack,
  type IsolationVerdict,
  judgeConnection, // may a document connect to a URL?
  judgeFrame, // may a document embed a frame?
  judgeIsolation, // the value of crossOriginIsolated, and what it lacks
  judgeNavigation, // does a navigation leave its browsing context group?
  judgePopup, // does a popup keep its opener?
  judgeResource, // may a document use a resource?
  judgeWorker, // may a document start a worker?
  judgeWorkerIsolation,
  keepsOpener2019,
  type LegacyAdvice,
  legacyAdvice, // what the values of 2019 are today
  type NavigationOptions,
  type NavigationVerdict,
  type Opener,
  type Policy,
  type PolicyOptions,
  type PopupVerdict,
  parseCoop2019,
  type Report, // what a browser sends to an endpoint
  type ResourceRequest,
  type ResponsePolicies,
  readPolicies, // the policies of a response
  type Verdict,
} from "../agent/isolation/index.ts";
