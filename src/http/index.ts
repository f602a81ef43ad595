/** HTTP semantics for all versions, and HTTP/0.9 for interop runs. */

/** Content negotiation. */
export { acceptedCodings } from "./accept-encoding.ts";
/** Alternative services. */
export { type AdvertisedAlternative, type Alternative, parseAltSvc } from "./alt-svc.ts";
/** Frames of drafts, about a whole connection. */
export {
  ACCEPT_CH,
  type AcceptCh,
  ALTERNATIVE_NAME,
  ALTSVCB,
  type ConnectionFrame,
  emitAcceptChFrame,
  emitAltSvcbFrame,
  emitHttp2Frame,
  isAlternativeName,
  MAX_CONNECTION_FRAME,
  parseAcceptChFrame,
  parseAltSvcbFrame,
} from "./connection-frames.ts";
/** The length of a message's content. */
export {
  type ContentLengthProblem,
  contentLengthOf,
  hasNoContent,
  isWithoutLength,
  parseContentLength,
  withEmptyLength,
} from "./content-length.ts";
/** Valid field names and values. */
export {
  CONNECTION_SPECIFIC_FIELDS,
  isConnectionSpecific,
  isFieldName,
  isFieldValue,
  isHttp1Only,
  isToken,
} from "./field-rules.ts";
/** Fields as lists of name and value. */
export {
  combinedFieldValue,
  FIELD_LINE_OVERHEAD,
  type FieldLine,
  type FieldSection,
  fieldLineSize,
  fieldSectionSize,
  fieldValue,
} from "./field-section.ts";
export { GEOFEED_FINDINGS, type GeofeedFinding, type GeofeedFindingCode } from "./geofeed/findings.ts";
/** Geofeeds. */
export {
  Geofeed,
  type GeofeedEntry,
  type GeofeedOptions,
  GeofeedReader,
  type GeofeedSummary,
} from "./geofeed/geofeed.ts";
export { type GeoLocation, locationText } from "./geofeed/location.ts";
/** Client hints. */
export { emitHints, lacksCritical, readHints } from "./hints/client-hints.ts";
export { emitGeoField, GEO_FIELD, readGeoField } from "./hints/geo-field.ts";
export {
  emitGeoHint,
  GEO_HINT,
  type GeoVerdict,
  type JudgedLocation,
  judgeGeoHint,
  parseGeoHint,
  readGeoHint,
} from "./hints/geo-hint.ts";
/** HTTP/0.9 over QUIC streams. */
export { HQ_ALPN, HQ_ERROR, HqConnection, type HqEvent } from "./hq.ts";
/** Dates. */
export { formatHttpDate, parseHttpDate } from "./http-date.ts";
/** The names of the versions. */
export type { HttpVersion } from "./http-version.ts";
/** Links. */
export { emitLink, type Link, parseLinks } from "./link.ts";
/** Deprecation and Sunset. */
export {
  emitNotice,
  type Notice,
  type NoticeProblem,
  parseDeprecation,
  type ReceivedNotice,
  readNotice,
} from "./notices/notices.ts";
/** The origins of a connection. */
export { emitOriginEntries, isHttpsOrigin, MAX_ORIGINS, parseOriginEntries } from "./origin-frame.ts";
/** Prefer. */
export {
  type Preference,
  Preferences,
  parsePreferences,
  preferValues,
  withVary,
} from "./preferences/preferences.ts";
/** The PROXY protocol. */
export {
  emitLocalHeader,
  emitProxyHeader,
  type ProxiedConnection,
  type ProxyEndpoint,
  type ProxyHeader,
  ProxyHeaderError,
  parseProxyHeader,
} from "./proxy-protocol.ts";
/** Partial POST Replay. */
export {
  echoFields,
  HandbackCount,
  handbackProblem,
  isHandback,
  REPLAY_FIELD,
  REPLAY_REASON,
  REPLAY_STATUS,
} from "./replay/replay.ts";
/** Validation of request heads. */
export {
  type AcceptedHead,
  type FieldFacts,
  type GivenHead,
  type GivenTarget,
  isAuthority,
  isRefusal,
  judgeRequest,
  judgeTarget,
  MAX_HEAD_SIZE,
  normalizedFields,
  type Refusal,
  refusalOfServer,
  refusalOfTarget,
} from "./request-head.ts";
