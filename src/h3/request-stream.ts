/** One request and its response (RFC 9114 §4.1): the two halves of a stream, and the connection's state for them. */

import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { MessageReader, type MessageReaderHost } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";

export class RequestStream {
  readonly id: StreamId;
  readonly reader: MessageReader;
  readonly writer: MessageWriter;
  /** The request method, which determines whether a response has content. */
  method = "";
  /** True if the application knows the request: it received its head or made the request. */
  announced = false;
  /** True if the request has a protocol of its own (`:protocol`), which may use datagrams. */
  hasProtocol = false;
  /** True if the request was counted as cancelled. */
  cancelled = false;

  constructor(host: MessageReaderHost, transport: StreamTransport, id: StreamId) {
    this.id = id;
    this.reader = new MessageReader(host, transport, id);
    this.writer = new MessageWriter(transport, id, host.trace);
  }

  /** True if both halves have ended and hold no data. */
  get isDone(): boolean {
    return this.reader.isDone && this.writer.isDone;
  }
}
