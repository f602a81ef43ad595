// Where connections leave this machine: from one address, or from those of an interface.
import { networkInterfaces } from "node:os";
import { isLinkLocal } from "../../ip/address.ts";
import { ipVersion, parseIpAddress } from "../../wire/ip-address.ts";
import { ClientError } from "./errors.ts";

/** An address of this machine, or an interface, whose addresses may change. */
export interface LocalSource {
  /** As given. */
  readonly name: string;
  /** The address of a family; undefined if it has none. */
  address(family: 4 | 6): string | undefined;
}

/** `text` is an IP address, or the name of an interface. Throws a `ClientError` if this machine does not have it. */
export function localSource(text: string, interfaces: typeof networkInterfaces = networkInterfaces): LocalSource {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  const family = ipVersion(bare);
  const addressesNow = (): readonly string[] => (interfaces()[text] ?? []).map(({ address }) => address);
  if (family === undefined && addressesNow().length === 0) {
    const known = Object.keys(interfaces()).join(", ");
    throw new ClientError("LOCAL_ADDRESS_UNAVAILABLE", `"${text}" is neither an IP address nor an interface with one`, {
      hint: known === "" ? "give an IP address of this machine" : `this machine has ${known}`,
    });
  }
  if (family !== undefined) return { name: bare, address: (of) => (of === family ? bare : undefined) };
  return {
    name: text,
    // An address of one link would need its zone, and reaches nothing else.
    address: (of) =>
      addressesNow().find((each) => ipVersion(each) === of && !isLinkLocal(parseIpAddress(each) ?? new Uint8Array(4))),
  };
}

/** Why no address of a host was tried. */
export function noSourceFor(host: string, source: LocalSource): ClientError {
  const has = ([4, 6] as const).filter((family) => source.address(family) !== undefined);
  if (has.length === 0) {
    return new ClientError("LOCAL_ADDRESS_UNAVAILABLE", `${source.name} has no address to connect from`, {
      hint: "check that the interface is up",
    });
  }
  const literal = ipVersion(host);
  const families = has.map((family) => `IPv${family}`).join(" or ");
  if (literal === undefined) {
    return new ClientError("NAME_NOT_FOUND", `${host} has no ${families} address, and ${source.name} has no other`);
  }
  const message = `${host} is an IPv${literal} address, and cannot be reached from ${source.name}, which is ${families}`;
  return new ClientError("CONNECTION_FAILED", message, { hint: "give a local address of the same family" });
}

/** What the system says if it does not let a socket have its local address. */
export function explainLocal(error: unknown, localAddress: string): ClientError | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EADDRNOTAVAIL" && code !== "EINVAL") return undefined;
  return new ClientError(
    "LOCAL_ADDRESS_UNAVAILABLE",
    `cannot connect from ${localAddress}: ${code === "EINVAL" ? "nothing outside can be reached from it" : "this machine does not have that address"}`,
    { cause: error, hint: "give an address of this machine, or the name of an interface" },
  );
}
