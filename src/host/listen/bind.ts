/** Binds the listeners of a server to its addresses, all on the same port number. */
import { lookup } from "node:dns/promises";
import { ipVersion } from "../../wire/ip-address.ts";
import type { Bindable, BoundAddress } from "../http/listener.ts";
import { listenError, ServeError } from "./errors.ts";

/** Attempts to find a port, if the port that the system chose for TCP is in use for UDP. */
const PORT_ATTEMPTS = 20;

/** A kind of socket to bind. Each attempt creates a new listener, since the previous one was closed. */
export interface Binding<Socket extends Bindable> {
  readonly transport: "tcp" | "udp";
  create(): Socket;
}

export interface Bound<Socket extends Bindable> {
  readonly listeners: readonly Socket[];
  readonly addresses: readonly BoundAddress[];
}

/**
 * Returns the addresses of a host name on this machine. "localhost" always has two, regardless of the hosts file (RFC
 * 6761 §6.3): browsers do not look it up, and try ::1 first.
 */
export async function addressesOf(host: string): Promise<readonly string[]> {
  if (ipVersion(host) !== undefined) return [host];
  if (host === "localhost") return ["127.0.0.1", "::1"];
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (cause) {
    throw new ServeError("HOST_UNKNOWN", `the host ${host} has no address: give an address of this machine`, { cause });
  }
}

/**
 * Binds every listener to every address of `host` on the same port. With port 0 the system chooses, until the port is
 * free for all. If `isPinned` returns true, clients know the first listener's port already: it stays, and a listener
 * for which it is taken gets another.
 */
export async function bindAll<Socket extends Bindable>(
  bindings: readonly Binding<Socket>[],
  host: string,
  port: number,
  isPinned: () => boolean = () => false,
): Promise<Bound<Socket>> {
  // Does not await for a literal address, so that the first socket can be bound synchronously.
  const hosts = ipVersion(host) === undefined ? await addressesOf(host) : [host];
  for (let attempt = 1; ; attempt++) {
    const listeners: Socket[] = [];
    const addresses: BoundAddress[] = [];
    const isTaken = (error: unknown): boolean =>
      port === 0 && error instanceof ServeError && error.code === "PORT_IN_USE";
    try {
      for (const binding of bindings) {
        let listener = binding.create();
        listeners.push(listener);
        // A UDP socket on "::" is IPv6-only, so that each peer has only one address. IPv4 needs its own socket.
        const own = binding.transport === "udp" && host === "::" ? ["::", "0.0.0.0"] : hosts;
        const first = addresses[0];
        try {
          addresses.push(...(await bindOne(binding.transport, listener, own, first?.port ?? port)));
        } catch (error) {
          if (first === undefined || !isTaken(error) || !isPinned()) throw error;
          await listener.close(0);
          listener = binding.create();
          listeners[listeners.length - 1] = listener;
          addresses.push(...(await bindOne(binding.transport, listener, own, 0)));
        }
      }
      return { listeners, addresses };
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close(0)));
      if (!isTaken(error) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** "::" includes IPv4. On a machine without IPv6, binds IPv4 only. */
export async function bindHost<Socket extends Bindable>(
  bindings: readonly Binding<Socket>[],
  host: string,
  port: number,
): Promise<Bound<Socket>> {
  try {
    return await bindAll(bindings, host, port);
  } catch (error) {
    const noIPv6 = host === "::" && error instanceof ServeError && error.code === "ADDRESS_UNAVAILABLE";
    if (!noIPv6) throw error;
    return bindAll(bindings, "0.0.0.0", port);
  }
}

async function bindOne(
  transport: "tcp" | "udp",
  listener: Bindable,
  hosts: readonly string[],
  port: number,
): Promise<BoundAddress[]> {
  const bound: BoundAddress[] = [];
  let unavailable: unknown;
  for (const host of hosts) {
    const number = bound[0]?.port ?? port;
    try {
      bound.push(await listener.listen(number, host));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EADDRNOTAVAIL" && code !== "EAFNOSUPPORT") throw listenError(error, transport, host, number);
      unavailable = listenError(error, transport, host, number); // without IPv6, the IPv4 address may still work
    }
  }
  if (bound.length === 0) throw unavailable;
  return bound;
}
