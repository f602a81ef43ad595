/** WebTransport over HTTP/3. */

export { FlowCapsule, SessionError, SessionFlow } from "./session-flow.ts";
export { SessionStreams, type SessionStreamsHandler } from "./session-streams.ts";
export {
  allowedSessions,
  DRAFT_02_REQUEST,
  DRAFT_02_RESPONSE,
  type NewerDrafts,
  requestsSession,
  type SessionTerms,
  sessionTerms,
  takesSessions,
  WEBTRANSPORT_H3_PROTOCOL,
  WEBTRANSPORT_PROTOCOL,
  webTransportSettings,
} from "./settings.ts";
export { WebTransportStreams } from "./webtransport-streams.ts";
