/** A tunnel as a test sees it, for every version of HTTP. */
import type { Duplex } from "node:stream";

export interface TestTunnel {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes of the tunnel. If it was refused, the content of the response. */
  readonly stream: Duplex;
  /** Resets both directions. */
  cutOff(): void;
  /** Returns true if the server reset the stream. Call it after the stream has closed. */
  isReset(): boolean;
}

export interface TunnelClientOptions {
  readonly port: number;
  /** Undefined for a plain CONNECT to `target.test:99`. */
  readonly protocol: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** "/chat" by default. */
  readonly path?: string;
  readonly onClose: (close: () => void) => void;
}

export const TARGET = "target.test:99";
