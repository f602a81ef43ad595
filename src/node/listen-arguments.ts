/** Parses the arguments of `listen`, in all forms of net.Server. */
import { ServeError } from "../host/listen/errors.ts";

export interface ListenOptions {
  /** 0 or undefined lets the system choose. TCP and UDP use the same number. */
  readonly port?: number | string | null;
  /** An address or name of this machine. */
  readonly host?: string;
  /** Closes the server. */
  readonly signal?: AbortSignal;
  /** Accepted for compatibility with Node, without effect. */
  readonly backlog?: number;
  readonly exclusive?: boolean;
  readonly ipv6Only?: boolean;
}

export interface ListenRequest {
  readonly port: number;
  readonly host: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callback: (() => void) | undefined;
}

export function parseListenArguments(given: readonly unknown[]): ListenRequest {
  const last = given.at(-1);
  const callback = typeof last === "function" ? (last as () => void) : undefined;
  const [first, second] = callback === undefined ? given : given.slice(0, -1);
  if (typeof first === "object" && first !== null) {
    const { port, host, signal, ...others } = first as ListenOptions & Record<string, unknown>;
    for (const name of ["path", "fd", "_handle"]) if (others[name] !== undefined) throw noPort(name);
    return { port: portOf(port), host: host || undefined, signal, callback };
  }
  if (typeof first === "string" && !isNumeric(first)) throw noPort("path");
  const host = typeof second === "string" && second !== "" ? second : undefined;
  return { port: portOf(first), host, signal: undefined, callback };
}

const isNumeric = (text: string): boolean => text.trim() !== "" && Number(text) >= 0;

const noPort = (name: string): ServeError =>
  new ServeError("OPTION_INVALID", `listen was given a ${name}, which HTTP/3 does not support: give a port`);

function portOf(port: unknown): number {
  if (port === undefined || port === null) return 0;
  const isNumber = typeof port === "number" || (typeof port === "string" && isNumeric(port));
  const number = Number(port);
  if (isNumber && Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  const message = `options.port should be >= 0 and < 65536. Received ${String(port)}.`;
  throw Object.assign(new RangeError(message), { code: "ERR_SOCKET_BAD_PORT" });
}
