/** Errors of system calls, in the shape of Node's own: `code` EADDRINUSE, `syscall` bind and so on. */

import { getSystemErrorName } from "node:util";
import type { SocketAddress } from "../../../base/datagrams.ts";

/** Linux on x64 and arm64. */
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const EINVAL = 22;
export const ENOPROTOOPT = 92;
export const EMSGSIZE = 90;
export const ENOBUFS = 105;
export const ECONNREFUSED = 111;

export class SystemError extends Error implements NodeJS.ErrnoException {
  readonly errno: number;
  readonly code: string;
  readonly syscall: string;
  readonly address: string | undefined;
  readonly port: number | undefined;

  constructor(syscall: string, errno: number, at?: Pick<SocketAddress, "host" | "port">) {
    const code = getSystemErrorName(-errno);
    super(`${syscall} ${code}${at === undefined ? "" : ` ${at.host}:${at.port}`}`);
    this.errno = -errno;
    this.code = code;
    this.syscall = syscall;
    this.address = at?.host;
    this.port = at?.port;
  }
}
