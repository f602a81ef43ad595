/** Domain names, records and messages (RFC 1035 and its successors), and SVCB and HTTPS records (RFC 9460). */

export { Authority, MAX_UDP_RESPONSE, type Response } from "./authority/authority.ts";
export { type LookupResult, lookup } from "./authority/lookup.ts";
export { Zone } from "./authority/zone.ts";
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
export { DOQ_ALPN, DOQ_ERRORS, DoqConnection, type DoqEvent } from "./quic/connection.ts";
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
export type { DnsTrace, DnsTraceEvent } from "./resolver/events.ts";
export { MessageStream, withLength } from "./resolver/message-stream.ts";
export { parseHosts, parseResolvConf, type ResolvConf, searchList } from "./resolver/resolv-conf.ts";
export { DNS_PORTS, type DnsProtocol, type DnsServer } from "./resolver/server.ts";
export { type Answer, type ResolverCommand, type ResolverOptions, StubResolver } from "./resolver/stub-resolver.ts";
export { inconsistency, SVC_PARAMS, type SvcParams, type SvcParamValues, svcParamValues } from "./svc-params.ts";
export { parseRecord, parseZone, printRecord } from "./zone-file.ts";
