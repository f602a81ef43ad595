/** HTTP semantics without a version, and HTTP/0.9 for interop runs. */

/** What a field name and value may be. */
export { isConnectionSpecific, isFieldName, isFieldValue, isToken, parseContentLength } from "./field-rules.ts";
/** Fields as a list of name and value. */
export {
  FIELD_LINE_OVERHEAD,
  type FieldLine,
  type FieldSection,
  fieldLineSize,
  fieldSectionSize,
  fieldValue,
} from "./field-section.ts";
/** HTTP/0.9 over QUIC streams. */
export { HQ_ALPN, HQ_ERROR, HqConnection, type HqEvent } from "./hq.ts";
