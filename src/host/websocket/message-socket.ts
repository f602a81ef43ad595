/** A WebSocket for protocols of binary messages, over a tunnel of ours or of the browser itself. */

export interface MessageSocketHandler {
  onMessage(message: Uint8Array): void;
  /** There is room again, after `send` returned false. */
  onDrain(): void;
  /** The last call: the peer closed the socket, broke its rules, or was lost. Not called after our own `close`. */
  onEnd(reason: Error): void;
}

export interface MessageSocket {
  /** Set once; messages that came before wait. */
  handler: MessageSocketHandler | undefined;
  /** Returns false if enough is queued: wait for `onDrain`. Sending anyway only costs memory. */
  send(message: Uint8Array): boolean;
  /** Closes with a status of RFC 6455 §7.4.1, after what was sent. */
  close(status: number): void;
}
