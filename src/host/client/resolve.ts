// Resolves a host to addresses, in the order to try them.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ClientError } from "./errors.ts";
import type { ResolvedAddress } from "./session.ts";

/** Returns the IP addresses to use for a host and port, or undefined to leave it to the system. */
export type Resolve = (
  hostname: string,
  port: number,
) => readonly string[] | undefined | Promise<readonly string[] | undefined>;

export async function resolveHost(
  host: string,
  port: number,
  resolve: Resolve | undefined,
): Promise<ResolvedAddress[]> {
  const chosen = await resolve?.(host, port);
  if (chosen !== undefined) {
    if (chosen.length === 0) throw notFound(host, undefined);
    return chosen.map((address) => literal(address));
  }
  if (isIP(host) !== 0) return [literal(host)];
  const local = host === "localhost" || host.endsWith(".localhost");
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    const addresses = found.map(({ address }) => address);
    // RFC 6761 §6.3: localhost is this machine, for both families, regardless of the system's hosts file.
    if (local) addresses.push(...LOOPBACK.filter((address) => !addresses.includes(address)));
    return addresses.map(literal);
  } catch (error) {
    if (local) return LOOPBACK.map(literal);
    throw notFound(host, error);
  }
}

const LOOPBACK = ["127.0.0.1", "::1"];

function literal(address: string): ResolvedAddress {
  const family = isIP(address);
  if (family === 0) throw new ClientError("REQUEST_INVALID", `${address} is not an IP address`);
  return { address, family: family === 6 ? 6 : 4 };
}

/** `cause` is the error of a lookup, if there was one. */
export function notFound(host: string, cause: unknown): ClientError {
  const temporary = (cause as { code?: string } | undefined)?.code === "EAI_AGAIN";
  return new ClientError(
    "NAME_NOT_FOUND",
    temporary ? `cannot look up ${host}: no name server answered` : `${host} has no address`,
    { cause, hint: temporary ? "check this machine's network and name server" : "check the spelling of the host name" },
  );
}
