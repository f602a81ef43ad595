/** What a program sees of a player: options, states, figures. */

/** How pictures and sound are decoded: `auto` takes WebCodecs where it can. */
export type LiveEngine = "auto" | "webcodecs" | "mse";

/** What a player does now. */
export type LiveState =
  /** There is no session with the relay. */
  | "connecting"
  /** There is one, and nothing to play yet. */
  | "waiting"
  | "buffering"
  | "playing"
  | "paused"
  | "ended"
  | "failed";

/** A certificate of a relay in development, as WebTransport takes it. */
export interface LiveCertificateHash {
  readonly algorithm: string;
  readonly value: ArrayBuffer | ArrayBufferView;
}

/** Figures of a player; times in milliseconds. */
export interface LiveStats {
  readonly state: LiveState;
  /** The subprotocol that the relay chose, and what carries it. */
  readonly dialect: string | undefined;
  readonly path: "HTTP/3" | "WebSocket" | undefined;
  readonly engine: "webcodecs" | "mse" | undefined;
  /** From the producer's clock to this page's, if the broadcast has wall-clock stamps: right if both clocks are. */
  readonly latency: number | undefined;
  /** Media that waits to be shown, and how much of it is wanted. */
  readonly buffer: number;
  readonly target: number;
  readonly rate: number;
  readonly stalls: number;
  readonly stalled: number;
  /** Of pictures. */
  readonly shown: number;
  readonly dropped: number;
  /** Pictures that were left out because they came too late, and sound that was missing. */
  readonly skipped: number;
  readonly silent: number;
  /** Groups that the relay or the page gave up for newer ones. */
  readonly lateGroups: number;
  /** Bytes of media so far. */
  readonly bytes: number;
  readonly connections: number;
  readonly rendition: string | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Seconds on the broadcast's timeline. */
  readonly position: number | undefined;
}
