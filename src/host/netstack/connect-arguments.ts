/** The forms in which `net.connect` and `listen` take their arguments. */

import type { LookupFunction } from "node:net";
import type { TcpSettings } from "./settings.ts";

/** Where a connection leads, and how. */
export interface TcpConnectOptions extends TcpSettings {
  /** A name or an address; "localhost" by default. */
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** True to keep the writable side open after the peer ended; false by default. */
  readonly allowHalfOpen?: boolean;
  /** Instead of the host's. */
  readonly lookup?: LookupFunction | undefined;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  /** Milliseconds without traffic before the first probe. */
  readonly keepAliveInitialDelay?: number;
  /** Milliseconds without traffic before 'timeout'. */
  readonly timeout?: number | undefined;
}

/** What agents pass on is not called; a listener of 'connect' is. */
type OnConnect = (...none: never[]) => void;

/** `(options, callback?)` or `(port, host?, callback?)`. */
export type TcpConnectArguments =
  | readonly [options: TcpConnectOptions, onConnect?: OnConnect | undefined]
  | readonly [port: number | string, host?: string | OnConnect | undefined, onConnect?: OnConnect | undefined];

export function readConnectArguments(given: TcpConnectArguments): {
  readonly options: TcpConnectOptions;
  readonly callback: OnConnect | undefined;
} {
  const [target] = given;
  const rest: readonly unknown[] = given.slice(1);
  const callback = rest.find((each): each is OnConnect => typeof each === "function");
  const host = rest.find((each): each is string => typeof each === "string");
  const options = typeof target === "object" ? target : { port: target, ...(host === undefined ? {} : { host }) };
  return { options, callback };
}

/** A port that a connection may have. Throws as Node does. */
export function portOf(port: number | string | null | undefined): number {
  const value = typeof port === "string" && port.trim() !== "" ? Number(port) : port;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 65_536) return value;
  const error = new RangeError(`port is ${String(port)}: give a whole number from 0 to 65535`);
  throw Object.assign(error, { code: "ERR_SOCKET_BAD_PORT" });
}
