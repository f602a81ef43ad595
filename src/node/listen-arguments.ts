/** Parses the arguments of `listen`, in all forms of net.Server. */
import type { ListenPlace } from "../host/http/bind-server.ts";
import { ServeError } from "../host/listen/errors.ts";

/** The address to listen on, in the shape of `net.Server`'s. */
export interface ListenOptions {
  /** 0 or undefined lets the system choose. TCP and UDP use the same number. */
  readonly port?: number | string | null;
  /** An address or name of this machine. */
  readonly host?: string;
  /** A UNIX domain socket, instead of a port: HTTP/1.1 and HTTP/2 only. */
  readonly path?: string;
  readonly readableAll?: boolean;
  readonly writableAll?: boolean;
  /** The descriptor of an open socket, instead of a port: HTTP/1.1 and HTTP/2 only. */
  readonly fd?: number;
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
  /** Set instead of `port` and `host`. */
  readonly place: ListenPlace | undefined;
  readonly signal: AbortSignal | undefined;
  readonly callback: (() => void) | undefined;
}

export function parseListenArguments(given: readonly unknown[]): ListenRequest {
  const last = given.at(-1);
  const callback = typeof last === "function" ? (last as () => void) : undefined;
  const [first, second] = callback === undefined ? given : given.slice(0, -1);
  if (typeof first === "object" && first !== null) {
    const options = first as ListenOptions & { readonly _handle?: unknown };
    const { port, host, signal } = options;
    if (options._handle !== undefined) {
      throw new ServeError("OPTION_INVALID", "listen was given a handle: give a port, a path or a descriptor (fd)");
    }
    return { port: portOf(port), host: host || undefined, place: placeOf(options), signal, callback };
  }
  const place = typeof first === "string" && !isNumeric(first) ? { path: first } : undefined;
  const host = typeof second === "string" && second !== "" ? second : undefined;
  return { port: place === undefined ? portOf(first) : 0, host, place, signal: undefined, callback };
}

/** A port takes precedence over a path, as in net.Server. */
function placeOf({ port, path, readableAll, writableAll, fd }: ListenOptions): ListenPlace | undefined {
  if (typeof fd === "number" && fd >= 0) return { fd };
  if (path === undefined || (port !== undefined && port !== null)) return undefined;
  return {
    path,
    ...(readableAll === undefined ? {} : { readableAll }),
    ...(writableAll === undefined ? {} : { writableAll }),
  };
}

const isNumeric = (text: string): boolean => text.trim() !== "" && Number(text) >= 0;

function portOf(port: unknown): number {
  if (port === undefined || port === null) return 0;
  const isNumber = typeof port === "number" || (typeof port === "string" && isNumeric(port));
  const number = Number(port);
  if (isNumber && Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  const message = `options.port should be >= 0 and < 65536. Received ${String(port)}.`;
  throw Object.assign(new RangeError(message), { code: "ERR_SOCKET_BAD_PORT" });
}
