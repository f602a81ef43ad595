/** A stream of a session in both directions (W3C WebTransport §9). */

import type { WebTransportReceiveStream } from "./receive-stream.ts";
import type { WebTransportSendStream } from "./send-stream.ts";

/** A stream in both directions. */
export class WebTransportBidirectionalStream {
  readonly readable: WebTransportReceiveStream;
  readonly writable: WebTransportSendStream;

  constructor(readable: WebTransportReceiveStream, writable: WebTransportSendStream) {
    this.readable = readable;
    this.writable = writable;
  }
}
