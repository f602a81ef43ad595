/** What `nagare audit` makes of a page: facts in, findings out. */

export { documentOrigin } from "./document-origin.ts";
export type {
  AuditDocument,
  AuditFacts,
  AuditResource,
  CertificateFacts,
  HeaderFix,
  Hop,
  Http3Facts,
  LoadedResponse,
  LoadFailure,
  Reference,
  ResourceKind,
  TlsFacts,
} from "./facts.ts";
export { FINDINGS, type Finding, type FindingId, SEVERITIES, type Severity } from "./findings.ts";
export { type Blocked, blockedBy, withHeaders } from "./isolation.ts";
export { judgeAudit, reaches } from "./judge.ts";
