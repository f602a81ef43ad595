/** A tunnel as a test has it, whatever carries it. */
import type { Duplex } from "node:stream";

export interface TestTunnel {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes of the tunnel; when it was refused, the content of the answer. */
  readonly stream: Duplex;
  /** Cuts both directions off. */
  cutOff(): void;
  /** Whether the stream was reset by the server; asked when it is closed. */
  isReset(): boolean;
}

export interface TunnelAsk {
  readonly port: number;
  /** Undefined is a plain CONNECT to `target.test:99`. */
  readonly protocol: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly onClose: (close: () => void) => void;
}

export const TARGET = "target.test:99";
