/**
 * Two network namespaces with two wires between them: one for IPv4, one for IPv6, so that each family has a delay of its own
 * or is dead. Everything is removed at the end.
 */

import { execFileSync } from "node:child_process";
import { millis } from "../../src/base/time.ts";
import { openTapWire, type TapWire } from "../../src/host/tap/tap-wire.ts";
import { type Namespace, Namespaces, removeStaleNamespaces } from "../../src/host/tap/testing/namespaces.ts";
import { type Sighting, sightingIn } from "./sightings.ts";

const NETWORK = "10.77.0";
const PREFIX = "fd77::";
/** The host's part of the server's addresses, the first of which is that of its own. */
const SERVER_HOSTS = [2, 3, 4, 5, 6, 7, 8, 9];
const MACS = ["02:00:00:00:77:01", "02:00:00:00:77:02"] as const;

/** The server's addresses, as many as wanted. */
export const ipv4 = (count: number): string[] => SERVER_HOSTS.slice(0, count).map((host) => `${NETWORK}.${host}`);
export const ipv6 = (count: number): string[] => SERVER_HOSTS.slice(0, count).map((host) => `${PREFIX}${host}`);

/** Of one family. */
export interface LinkState {
  /** Milliseconds. */
  readonly rtt: number;
  readonly isDead: boolean;
}

export interface NetworkState {
  readonly ipv4: LinkState;
  readonly ipv6: LinkState;
  readonly isUdpDead: boolean;
}

const UDP = 17;
const QUIC_PORT = 443;

/** Milliseconds on the clock that all processes of a machine share. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface SeenAt extends Sighting {
  readonly at: number;
}

export class TestNetwork implements Disposable {
  readonly client: Namespace;
  readonly server: Namespace;
  /** Called for each sighting. */
  onSighting: ((sighting: SeenAt) => void) | undefined;
  readonly #namespaces: Namespaces;
  readonly #wires: readonly TapWire[];
  #isUdpDead = false;

  private constructor(namespaces: Namespaces, ipv6Wire: TapWire, seen: { network?: TestNetwork }) {
    this.#namespaces = namespaces;
    this.client = namespaces.first;
    this.server = namespaces.second;
    this.#wires = [namespaces.wire, ipv6Wire];
    seen.network = this;
  }

  static async open(): Promise<TestNetwork> {
    removeStaleNamespaces();
    const seen: { network?: TestNetwork } = {};
    const passes = (direction: "up" | "down", frame: Uint8Array): boolean =>
      direction === "down" || seen.network === undefined || seen.network.#passes(frame);
    const namespaces = await Namespaces.connect(NETWORK, { passes });
    let wire: TapWire | undefined;
    try {
      const { first, second } = namespaces;
      const sides = [first, second] as const;
      const [from, to] = sides.map(({ name }) => `${name}-6`) as [string, string];
      wire = await openTapWire(from, to, { passes });
      for (const [i, { name, ip }] of sides.entries()) {
        const own = i === 0 ? [1] : SERVER_HOSTS;
        const others = i === 0 ? SERVER_HOSTS : [1];
        const device = `${name}-6`;
        execFileSync("ip", ["link", "set", "dev", device, "netns", name]);
        ip("link", "set", "dev", "lo", "up");
        for (const each of [name, device]) ip("link", "set", "dev", each, "address", MACS[i]!, "up");
        for (const host of own) {
          ip("address", "replace", `${NETWORK}.${host}/24`, "dev", name);
          ip("address", "add", `${PREFIX}${host}/64`, "dev", device, "nodad");
        }
        // Neighbours are known, so that a dead wire is silent, and not a host that cannot be found.
        const there = MACS[1 - i]!;
        for (const host of others) {
          ip("neighbour", "replace", `${NETWORK}.${host}`, "lladdr", there, "dev", name, "nud", "permanent");
          ip("neighbour", "replace", `${PREFIX}${host}`, "lladdr", there, "dev", device, "nud", "permanent");
        }
      }
      // Chromium asks for AAAA only if it has a route to the internet. Nothing is forwarded there.
      const via = ["default", "via"] as const;
      first.ip("route", "add", ...via, `${NETWORK}.2`, "dev", first.name);
      first.ip("-6", "route", "add", ...via, `${PREFIX}2`, "dev", `${first.name}-6`);
      return new TestNetwork(namespaces, wire, seen);
    } catch (error) {
      wire?.close();
      namespaces[Symbol.dispose]();
      throw error;
    }
  }

  set(state: NetworkState): void {
    this.#isUdpDead = state.isUdpDead;
    for (const [i, { rtt, isDead }] of [state.ipv4, state.ipv6].entries()) {
      for (const direction of ["up", "down"] as const) {
        this.#wires[i]!.change(direction, { delay: millis(rtt / 2), loss: isDead ? 1 : 0 });
      }
    }
  }

  #passes(frame: Uint8Array): boolean {
    const sighting = sightingIn(frame);
    if (sighting !== undefined) this.onSighting?.({ ...sighting, at: monotonic() });
    return !(this.#isUdpDead && isQuic(frame));
  }

  [Symbol.dispose](): void {
    for (const wire of this.#wires) wire.close();
    this.#namespaces[Symbol.dispose]();
  }
}

/** A datagram of either family to port 443, without extension headers, which nobody sends here. */
function isQuic(frame: Uint8Array): boolean {
  const isIpv4 = frame[12] === 0x08 && frame[13] === 0;
  const protocol = isIpv4 ? frame[23] : frame[20];
  const ports = isIpv4 ? 14 + (frame[14]! & 15) * 4 : 54;
  return protocol === UDP && ((frame[ports + 2]! << 8) | frame[ports + 3]!) === QUIC_PORT;
}
