// What this machine can reach: which families have a route, and the local address towards a destination.
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { isLinkLocal } from "../../ip/address.ts";
import { ipVersion, parseIpAddress } from "../../wire/ip-address.ts";
import { type Fault, guard, ignore } from "../guard.ts";

/** The families of the addresses of this machine, without loopback and addresses of one link. Both if it has none. */
export function ownFamilies(): { readonly ipv4: boolean; readonly ipv6: boolean } {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const has = (family: 4 | 6): boolean =>
    addresses.some(({ address, internal }) => !internal && ipVersion(address) === family && !isOfLink(address));
  const [ipv4, ipv6] = [has(4), has(6)];
  return ipv4 || ipv6 ? { ipv4, ipv6 } : { ipv4: true, ipv6: true };
}

/** The addresses of this machine that are the same for everyone: neither of loopback, a link or a private network, nor behind the provider's NAT. */
export function ownPublicAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all
    .filter(({ address, internal }) => !internal && !isOfLink(address) && !isPrivate(address))
    .map(({ address }) => address);
}

/** RFC 1918, RFC 6598, RFC 4193. */
function isPrivate(address: string): boolean {
  const [first = 0, second = 0] = parseIpAddress(address.replace(/%.*$/, "")) ?? [];
  if (ipVersion(address) === 6) return (first & 0xfe) === 0xfc;
  const pair = first * 256 + second;
  return first === 10 || (pair >= 0xac10 && pair < 0xac20) || pair === 0xc0a8 || (pair >= 0x6440 && pair < 0x6480);
}

const isOfLink = (address: string): boolean => isLinkLocal(parseIpAddress(address.replace(/%.*$/, ""))!);

/** The port is never used: connecting a UDP socket sends nothing, but chooses a route. */
const ANY_PORT = 9;

/** The local address from which packets to an address leave; undefined without a route (RFC 6724 §6, rule 1). */
export function sourceTowards(address: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(ipVersion(address) === 6 ? "udp6" : "udp4");
    const end = (found: string | undefined): void => {
      socket.on("error", ignore).close();
      resolve(found);
    };
    const onFault = ({ error }: Fault): void => reject(error);
    const failed = guard("client route failed", onFault, () => end(undefined));
    const connected = guard("client route", onFault, () => end(socket.address().address));
    socket.once("error", failed).once("connect", connected).connect(ANY_PORT, address);
  });
}
