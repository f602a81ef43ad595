/** The target of CONNECT-UDP (RFC 9298 §2): a name or an address, and a port. */

import { formatIpAddress, hostAndPort, parseIpAddress } from "../../wire/ip-address.ts";

export interface UdpTarget {
  /** A name in lower case, or an address: four or sixteen bytes. */
  readonly host: string | Uint8Array;
  readonly port: number;
}

/** As in a URI Template's variables. IPv6 without brackets. */
export const targetHostText = ({ host }: UdpTarget): string =>
  typeof host === "string" ? host : formatIpAddress(host);

/** As people write it: "example.com:443", "[2001:db8::1]:443". */
export const targetText = (target: UdpTarget): string => hostAndPort(targetHostText(target), target.port);

/** Values of `target_host` and `target_port`, decoded; undefined if they are malformed. */
export function parseUdpTarget(host: string, portText: string): UdpTarget | undefined {
  const port = parsePort(portText);
  if (port === undefined) return undefined;
  // RFC 9298 §2: no IPv6 zone.
  if (host.includes("%")) return undefined;
  const address = parseIpAddress(host);
  if (address !== undefined) return { host: address, port };
  return isHostName(host) ? { host: host.toLowerCase(), port } : undefined;
}

/** "example.com:443", "192.0.2.1:53" or "[2001:db8::1]:443"; undefined if it is none of them. */
export function parseTargetText(text: string): UdpTarget | undefined {
  const match = /^(?:\[([^[\]]*:[^[\]]*)\]|([^:[\]]+)):(\d+)$/.exec(text);
  return match === null ? undefined : parseUdpTarget(match[1] ?? match[2]!, match[3]!);
}

/** 1 to 65535 (RFC 9298 §2), in decimal. */
function parsePort(text: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** Resolvers read a name that ends in a number as an IPv4 address: "127.1", "0x7f000001". */
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/i;

function isHostName(text: string): boolean {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const labels = name.split(".");
  return name.length <= 253 && labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1)!);
}
