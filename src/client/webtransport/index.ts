/**
 * The W3C's WebTransport for Node. Experimental.
 *
 * @module nagare/webtransport
 */

export type { WebTransportDatagramDuplexStream, WebTransportDatagramStats } from "../../host/webtransport/datagrams.ts"; // `datagrams` of a session
export { WebTransportError, type WebTransportErrorOptions } from "../../host/webtransport/error.ts"; // its errors
export {
  inspectSessions,
  type SessionAbout,
  type StreamInspection,
  type WebTransportInspection,
} from "../../host/webtransport/inspection.ts"; // what the sessions of this process do
export type { ReceiveStreamStats, WebTransportReceiveStream } from "../../host/webtransport/receive-stream.ts"; // streams of a session
export type {
  SendStreamOptions,
  SendStreamStats,
  WebTransportSendGroup,
  WebTransportSendStream,
} from "../../host/webtransport/send-stream.ts";
export type { WebTransportBidirectionalStream } from "../../host/webtransport/streams.ts";
export type {
  AcceptedWebTransport,
  AcceptWebTransportOptions,
  WebTransportRequest,
} from "../../host/webtransport/web-transport-request.ts"; // `context.webtransport` of a handler
export { WebTransportRefusal } from "../../host/webtransport/web-transport-request.ts"; // thrown by `accept`
export type {
  CreateStreamOptions,
  WebTransportCloseInfo,
  WebTransportConnectionStats,
  WebTransportSession,
} from "../../host/webtransport/web-transport-session.ts"; // a session of either role
export type { SharedWebTransportOptions, WebTransportHash } from "./arguments.ts"; // its options
export type { WebTransportClientOptions } from "./carriers.ts"; // how a client connects
export { WebTransport, type WebTransportOptions } from "./web-transport.ts"; // the client
