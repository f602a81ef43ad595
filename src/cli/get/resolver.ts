// --resolve, -4 and -6: the addresses of a host.
import { lookup } from "node:dns/promises";
import { ClientError, type ClientOptions } from "../../client/index.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { CliError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";

/** `entries` have the format of --resolve. With `hasResolver`, hosts without an entry are left to that. */
export function resolverFrom(
  entries: readonly string[],
  family: 4 | 6 | undefined,
  hasResolver = false,
): ClientOptions["resolve"] {
  if (entries.length === 0 && (family === undefined || hasResolver)) return undefined;
  const known = knownAddresses(entries);
  return async (host, port) => {
    const addresses = known.get(`${host}:${port}`) ?? known.get(`*:${port}`);
    const isLeft = addresses === undefined && hasResolver && ipVersion(host) === undefined;
    return family === undefined || isLeft ? addresses : ofFamily(host, family, addresses);
  };
}

function knownAddresses(entries: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const known = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const removed = /^-(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry);
    if (removed !== null) {
      known.delete(`${removed[1]!.toLowerCase()}:${removed[2]}`);
      continue;
    }
    // In curl, a plus sign lets the entry expire, which never happens within one command.
    const match = /^\+?(\[[^\]]+\]|[^:+][^:]*):(\d+):(.+)$/.exec(entry);
    const addresses = match?.[3]?.split(",").map((each) => each.replace(/^\[(.*)\]$/, "$1"));
    if (match === null || addresses?.some((each) => ipVersion(each) === undefined)) {
      throw new CliError("RESOLVE_INVALID", `--resolve takes HOST:PORT:ADDRESS, not "${entry}"`, {
        exitCode: CURL.resolveSyntax,
      });
    }
    known.set(`${match[1]!.toLowerCase()}:${match[2]}`, addresses!);
  }
  return known;
}

async function ofFamily(
  host: string,
  family: 4 | 6,
  addresses: readonly string[] | undefined,
): Promise<readonly string[]> {
  const given = addresses ?? (ipVersion(host) === undefined ? undefined : [host]);
  if (given === undefined) {
    const found = await lookup(host, { all: true, family }).catch(() => []);
    return found.map(({ address }) => address);
  }
  const matching = given.filter((each) => ipVersion(each) === family);
  if (matching.length > 0) return matching;
  throw new ClientError("CONNECTION_FAILED", `no IPv${family} address among ${given.join(", ")}`, {
    hint: `leave out -${family}`,
  });
}
