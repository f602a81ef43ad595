/** HTTP semantics without a version, and HTTP/0.9 for interop runs. */

/** Alternative services. */
export { type AdvertisedAlternative, type Alternative, parseAltSvc } from "./alt-svc.ts";
/** How long a message says its content is. */
export {
  type ContentLengthProblem,
  contentLengthOf,
  hasNoContent,
  parseContentLength,
  withEmptyLength,
} from "./content-length.ts";
/** What a field name and value may be. */
export {
  CONNECTION_SPECIFIC_FIELDS,
  isConnectionSpecific,
  isFieldName,
  isFieldValue,
  isHttp1Only,
  isToken,
} from "./field-rules.ts";
/** Fields as a list of name and value. */
export {
  combinedFieldValue,
  FIELD_LINE_OVERHEAD,
  type FieldLine,
  type FieldSection,
  fieldLineSize,
  fieldSectionSize,
  fieldValue,
} from "./field-section.ts";
/** HTTP/0.9 over QUIC streams. */
export { HQ_ALPN, HQ_ERROR, HqConnection, type HqEvent } from "./hq.ts";
/** The versions, by name. */
export type { HttpVersion } from "./http-version.ts";
/** Whether a request may be served, and as what. */
export {
  type AcceptedHead,
  type GivenHead,
  isAuthority,
  isRefusal,
  judgeRequest,
  MAX_HEAD_SIZE,
  type Refusal,
  refusalOfServer,
} from "./request-head.ts";
