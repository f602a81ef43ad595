/** Errors of a server that cannot start. Messages say what is wrong and what to do. */

export type ServeProblem =
  | "PORT_IN_USE"
  | "PORT_FORBIDDEN"
  | "ADDRESS_UNAVAILABLE"
  | "HOST_UNKNOWN"
  | "LISTEN_FAILED"
  | "OPTION_INVALID"
  | "DIRECTORY_MISSING"
  | "DIRECTORY_UNREADABLE"
  | "MODULE_INVALID"
  | "CONFIG_INVALID"
  | "ORIGIN_INVALID";

/** A server that cannot start or reload. The message says what was wrong and what to do. */
export class ServeError extends Error {
  override readonly name = "ServeError";
  readonly code: ServeProblem;

  constructor(code: ServeProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Describes why a socket could not be bound. */
export function listenError(cause: unknown, transport: "tcp" | "udp", host: string, port: number): ServeError {
  const { code } = cause as NodeJS.ErrnoException;
  const where = `${transport.toUpperCase()} port ${port}`;
  switch (code) {
    case "EADDRINUSE":
      return new ServeError(
        "PORT_IN_USE",
        `${where} is in use: stop the program that uses it, or choose another port`,
        { cause },
      );
    case "EACCES":
      return new ServeError("PORT_FORBIDDEN", `no permission to use ${where}: choose a port above 1023`, { cause });
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return new ServeError("ADDRESS_UNAVAILABLE", `${host} is not an address of this machine: choose another host`, {
        cause,
      });
    default:
      return new ServeError("LISTEN_FAILED", `cannot listen on ${host}, ${where}: ${code ?? String(cause)}`, {
        cause,
      });
  }
}
