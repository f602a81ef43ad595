/** Binds servers of node:net to a port, a path or a descriptor. */
import type { AddressInfo, ListenOptions, Server } from "node:net";
import { type Fault, guard } from "../guard.ts";
import type { BoundAddress } from "./listener.ts";

/** A UNIX domain socket, or a descriptor that is open already. */
export type ListenPlace =
  | { readonly path: string; readonly readableAll?: boolean; readonly writableAll?: boolean }
  | { readonly fd: number };

/** Rejects with Node's error. `onFault` hears of later ones. */
export function bindServer(
  server: Server,
  options: ListenOptions | ListenPlace,
  onFault: (fault: Fault) => void,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ backlog: 1024, ...options }, () => {
      server.off("error", reject);
      // The system could not accept a connection (EMFILE). Keep listening, since the next attempt may succeed.
      server.on(
        "error",
        guard("tcp server error", onFault, (error: Error) => onFault({ entry: "tcp server error", error })),
      );
      resolve();
    });
  });
}

/** Undefined for a server that is not bound to a port. */
export function boundAddress(server: { address(): AddressInfo | string | null }): BoundAddress | undefined {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return undefined;
  const family = bound.family === "IPv6" ? "IPv6" : "IPv4";
  return { transport: "tcp", address: bound.address, family, port: bound.port };
}
