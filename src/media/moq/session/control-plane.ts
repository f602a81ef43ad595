/**
 * How requests travel: since draft 18 each has a stream of its own, before that they share one. A session asks its control plane, and
 * the application sees no difference.
 */

import type { ControlMessage } from "../messages.ts";
import type { StreamId } from "./carrier.ts";
import type { NewRequest } from "./options.ts";
import type { Request } from "./requests.ts";

export interface ControlPlane {
  /** Sends our setup, or waits for the peer's. */
  start(): void;
  /** True once GOAWAY can be sent. */
  readonly isReady: boolean;
  /** The id of the request; undefined if there is no room for it now. */
  request(message: NewRequest): number | undefined;
  /** A message of ours that belongs to a request; `fin` if it is the last one. */
  send(request: Request, message: ControlMessage, fin: boolean): void;
  /** Ends a request of either side, and forgets it. */
  cancel(request: Request, code: number): void;
  goaway(uri: string, timeout: number): void;
  /** Our stream with the objects of a fetch of the peer ended. */
  handleFetchSent(request: Request): void;
  /** The peer's stream with the objects of a fetch of ours ended. */
  handleFetchEnd(request: Request): void;
  /** A new bidirectional stream of the peer. */
  handleStream(stream: StreamId): void;
  handleBidi(stream: StreamId, bytes: Uint8Array, fin: boolean): void;
  /** True if the stream is one of the control plane's. */
  handleUni(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean;
  handleReset(stream: StreamId, code: number): boolean;
  handleStopped(stream: StreamId, code: number): boolean;
  /** The session is over. */
  clear(): void;
}
