/** WebTransport over a WebSocket, as QMux. */

export { MAX_MESSAGE, QmuxConnection } from "./qmux-connection.ts";
export {
  chooseSubprotocol,
  offerOf,
  parseOffer,
  parseSubprotocol,
  QMUX_VERSIONS,
  type QmuxSubprotocol,
  type QmuxVersion,
} from "./subprotocols.ts";
