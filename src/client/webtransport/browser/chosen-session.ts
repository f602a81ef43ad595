/** The session that carries a page's `WebTransport`. */

import type { WebTransportSession } from "../../../host/webtransport/web-transport-session.ts";

/** What both kinds of sessions have. Browsers lack some of the newer members. */
export type ChosenSession = Pick<
  WebTransportSession,
  | "ready"
  | "closed"
  | "datagrams"
  | "incomingBidirectionalStreams"
  | "incomingUnidirectionalStreams"
  | "createBidirectionalStream"
  | "createUnidirectionalStream"
  | "close"
> &
  Partial<
    Pick<
      WebTransportSession,
      | "draining"
      | "protocol"
      | "reliability"
      | "responseHeaders"
      | "getStats"
      | "createSendGroup"
      | "exportKeyingMaterial"
    >
  >;
