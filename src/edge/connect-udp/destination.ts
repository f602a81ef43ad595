/**
 * From a target to an open socket. A name is looked up once, and every address that it has must be allowed: the socket is
 * then connected to one of exactly these, so that a name that changes in the meantime leads nowhere else (DNS rebinding).
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { ClientError } from "../../host/client/errors.ts";
import { describeFault, guard } from "../../host/guard.ts";
import { Timer } from "../../host/timer.ts";
import type { UdpSocket } from "../../host/udp/udp-socket.ts";
import { targetHostText, type UdpTarget, unmapped } from "../../http/connect-udp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import type { ConnectUdpSettings } from "./options.ts";
import { UdpRefusal } from "./refusal.ts";

export interface Destination {
  readonly socket: UdpSocket;
  readonly peer: SocketAddress;
}

/** Rejects with a `UdpRefusal`. */
export async function openDestination(target: UdpTarget, settings: ConnectUdpSettings): Promise<Destination> {
  const { policy, host } = settings;
  // Nothing is looked up for a name that no rule could allow.
  if (!policy.mayAllow(target)) throw new UdpRefusal("http_request_denied", "this proxy does not allow the target");
  const addresses = typeof target.host === "string" ? await lookUp(target.host, target.port, settings) : [target.host];
  for (const address of addresses) {
    const refusal = policy.refusalOf(target, address);
    if (refusal === undefined) continue;
    // The address itself is not told: it may be internal.
    const what = refusal.kind === undefined ? "an address that no rule allows" : `an address of kind "${refusal.kind}"`;
    throw new UdpRefusal("destination_ip_prohibited", `the target has ${what}`);
  }
  let problem: unknown;
  for (const address of addresses) {
    const bytes = unmapped(address);
    const peer: SocketAddress = {
      family: bytes.length === 4 ? 4 : 6,
      host: formatIpAddress(bytes),
      port: target.port,
    };
    try {
      return { socket: await host.open(peer), peer };
    } catch (error) {
      // No route in this version of IP: the next address may have one.
      problem = error;
    }
  }
  const { code = "an error" } = problem as NodeJS.ErrnoException;
  throw new UdpRefusal("destination_ip_unroutable", `the system cannot send to ${targetHostText(target)} (${code})`);
}

/** RFC 9298 §3.1: a name is resolved before the request is answered. */
async function lookUp(name: string, port: number, settings: ConnectUdpSettings): Promise<readonly Uint8Array[]> {
  const { host, lookupTimeout, log } = settings;
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    const onTimeout = guard(
      "connect-udp lookup",
      (fault) => {
        log(describeFault(fault));
        reject(new UdpRefusal("proxy_internal_error", "the lookup failed"));
      },
      () => reject(new UdpRefusal("dns_timeout", `no answer about the name within ${lookupTimeout / 1000} s`)),
    );
    timer = new Timer(onTimeout, lookupTimeout, host.clock);
  });
  try {
    const found = await Promise.race([host.lookUp(name, port), late]);
    const addresses = found.map((text) => parseIpAddress(text)).filter((bytes) => bytes !== undefined);
    if (addresses.length === 0) throw new UdpRefusal("dns_error", "the name has no address", { rcode: "NXDOMAIN" });
    return addresses;
  } catch (error) {
    if (error instanceof UdpRefusal) throw error;
    const isTemporary = (error as { cause?: NodeJS.ErrnoException }).cause?.code === "EAI_AGAIN";
    if (!(error instanceof ClientError)) throw error;
    throw isTemporary
      ? new UdpRefusal("dns_error", "no name server answered", { rcode: "SERVFAIL" })
      : new UdpRefusal("dns_error", "the name has no address", { rcode: "NXDOMAIN" });
  } finally {
    timer?.clear();
  }
}
