/** Domain names, records and messages (RFC 1035 and its successors), and SVCB and HTTPS records (RFC 9460). */

export { DNS_ERRORS, PresentationError } from "./errors.ts";
export {
  type Edns,
  emitMessage,
  type Message,
  parseMessage,
  type Question,
  queryMessage,
  RCODES,
  type ResourceRecord,
  rcodeName,
} from "./message.ts";
export { isSameName, isWithin, nameKey, parseName } from "./name.ts";
export {
  type AnyData,
  className,
  type FieldKind,
  fieldsOf,
  RECORD_CLASSES,
  RECORD_TYPES,
  type RecordData,
  type RecordType,
  typeName,
  typeNumber,
} from "./record-types.ts";
export { inconsistency, SVC_PARAMS, type SvcParams, type SvcParamValues, svcParamValues } from "./svc-params.ts";
export { parseRecord, parseZone, printRecord } from "./zone-file.ts";
