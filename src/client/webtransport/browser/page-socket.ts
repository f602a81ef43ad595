/** The browser's WebSocket, for QMux. */

import type { MessageSocket, MessageSocketHandler } from "../../../host/websocket/message-socket.ts";

/** What a page has of the WebSocket class (WHATWG WebSockets); Node's types do not have it. */
export interface PageWebSocket {
  readonly protocol: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number): void;
}

const OPEN = 1;
/** Bytes that may wait in the browser; more would only make them old. */
const MAX_BUFFERED = 128 * 1024;
/** Milliseconds between looks at what waits: the browser does not say when there is room. */
const POLL = 8;
/** Pages may only close with this status, or one from 3000 on. */
const NORMAL = 1000;
const VIOLATION = 3002;

export class PageSocket implements MessageSocket {
  handler: MessageSocketHandler | undefined;
  readonly #socket: PageWebSocket;
  #isWaiting = false;
  #isClosed = false;

  /** `socket` is open. */
  constructor(socket: PageWebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#run(() => this.handler?.onMessage(new Uint8Array(data)));
      else this.#end(new Error("the server sent text"));
    };
    socket.onclose = ({ code }) => this.#end(new Error(`the WebSocket closed with status ${code}`));
  }

  send(message: Uint8Array): boolean {
    if (this.#socket.readyState === OPEN) this.#socket.send(message);
    const hasRoom = this.#socket.bufferedAmount < MAX_BUFFERED;
    if (!hasRoom && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#wait();
    }
    return hasRoom;
  }

  close(status: number): void {
    this.#isClosed = true;
    this.#socket.close(status === NORMAL ? NORMAL : VIOLATION);
  }

  #wait(): void {
    const look = (): void => {
      if (this.#isClosed) return;
      if (this.#socket.bufferedAmount >= MAX_BUFFERED) {
        this.#wait();
        return;
      }
      this.#isWaiting = false;
      this.#run(() => this.handler?.onDrain());
    };
    setTimeout(look, POLL);
  }

  #end(reason: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.handler?.onEnd(reason);
  }

  /** A fault ends the session, not the page. */
  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
