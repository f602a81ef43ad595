/** One request and its response (RFC 9114 §4.1): the two halves of a stream, and what the connection knows of them. */

import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { MessageReader, type MessageReaderHost } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";

export class RequestStream {
  readonly id: StreamId;
  readonly reader: MessageReader;
  readonly writer: MessageWriter;
  /** The request's method, which decides what a response may carry. */
  method = "";
  /** Whether the application knows of it: from the request's head on, or because it made the request. */
  announced = false;
  /** Whether it was counted as cancelled. */
  cancelled = false;

  constructor(host: MessageReaderHost, transport: StreamTransport, id: StreamId) {
    this.id = id;
    this.reader = new MessageReader(host, transport, id);
    this.writer = new MessageWriter(transport, id);
  }

  /** Both halves are over, and nothing of it is kept. */
  get isDone(): boolean {
    return this.reader.isDone && this.writer.isDone;
  }
}
