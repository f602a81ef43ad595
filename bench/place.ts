/** Where a benchmark's servers and clients meet: on loopback, or over a pair of virtual Ethernet interfaces. */

import { execFileSync } from "node:child_process";
import { Skip } from "../interop/result.ts";

export interface Place extends Disposable {
  /** The servers' address. */
  readonly host: string;
  /** What goes before the command of a client. */
  readonly exec: readonly string[];
}

export const loopback: Place = { host: "127.0.0.1", exec: [], [Symbol.dispose]: () => {} };

const NAMESPACE = "nagare-bench";
const SERVER = { name: "nagare-bench0", address: "10.78.0.1" } as const;
const CLIENT = { name: "nagare-bench1", address: "10.78.0.2" } as const;

const ip = (...args: readonly string[]): unknown => execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });

/**
 * Clients are in a network namespace of their own. The kernel segments what is sent before it reaches the interface, so that
 * each datagram of 1500 bytes at most costs what it costs on a network. Needs root and ip(8).
 */
export function virtualEthernet(): Place {
  const remove = (): void => {
    // The interfaces vanish with the namespace.
    ip("netns", "delete", NAMESPACE);
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  };
  const interrupt = (): void => {
    remove();
    process.exit(130);
  };
  try {
    ip("netns", "add", NAMESPACE);
  } catch (error) {
    throw new Skip(`cannot add a network namespace: ${(error as Error).message}`, { cause: error });
  }
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    ip("link", "add", SERVER.name, "type", "veth", "peer", "name", CLIENT.name, "netns", NAMESPACE);
    for (const [{ name, address }, where] of [
      [SERVER, []],
      [CLIENT, ["-n", NAMESPACE]],
    ] as const) {
      ip(...where, "address", "add", `${address}/30`, "dev", name);
      ip(...where, "link", "set", name, "gso_max_segs", "1", "up");
    }
  } catch (error) {
    remove();
    throw new Skip(`cannot connect network namespaces: ${(error as Error).message}`, { cause: error });
  }
  return { host: SERVER.address, exec: ["ip", "netns", "exec", NAMESPACE], [Symbol.dispose]: remove };
}

export const placeOf = ({ veth }: { readonly veth: boolean }): Place => (veth ? virtualEthernet() : loopback);
