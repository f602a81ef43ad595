/** The options of clients and servers that concern QUIC itself, by names for people. */

import { type Micros, millis } from "../../base/time.ts";
import { CONGESTION_CONTROLS, type CongestionControl } from "../../congestion/index.ts";
import type { GroupName } from "../../crypto/engine.ts";
import { VERSION_1, VERSION_2 } from "../../quic/versions/index.ts"; // not the whole stack, which clients load on demand
import type { NewerDrafts } from "../../webtransport/h3/index.ts";
import { ipVersion, parseIpAddress } from "../../wire/ip-address.ts";
import { duration, noLimit } from "../timer.ts";

/** Key exchange groups by name (RFC 8446 §4.2.7). */
const KEY_EXCHANGES: readonly GroupName[] = ["x25519mlkem768", "x25519", "secp256r1", "secp384r1"];

const VERSION_NUMBERS = { v1: VERSION_1, v2: VERSION_2 } as const;

/** The versions of QUIC that this stack speaks. */
export const QUIC_VERSIONS: readonly number[] = Object.values(VERSION_NUMBERS);

/** RFC 9000 and RFC 9369. */
export type QuicVersionName = keyof typeof VERSION_NUMBERS;

export const QUIC_VERSION_NAMES = Object.keys(VERSION_NUMBERS) as readonly QuicVersionName[];

/** QUIC's options of a server. */
export interface QuicServerOptions {
  /** Key exchange groups in order of preference. By default all, and X25519MLKEM768 first. */
  readonly groups?: readonly GroupName[] | undefined;
  /**
   * The supported versions in order of preference: the server converts a client's first flight to the first one that the
   * client lists. By default, it supports all and follows the client's order.
   */
  readonly versions?: readonly QuicVersionName[] | undefined;
  /** What decides how fast to send: "cubic" (the default), "newreno" or "bbr". */
  readonly congestionControl?: CongestionControl | undefined;
  /**
   * Addresses of this machine that clients should move to after the handshake (RFC 9000 §9.6), at most one per family. The
   * server listens on them too. Port 0 lets the system choose.
   */
  readonly preferredAddress?: readonly PreferredAddress[] | undefined;
  /**
   * Milliseconds after which a handshake that is not complete is given up; 0 or Infinity for no limit. Default: 10 s. More
   * helps clients on very lossy networks, and lets unfinished handshakes occupy memory for longer.
   */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Milliseconds without packets of the peer after which a connection is given up (RFC 9000 §10.1); 0 or Infinity for no
   * limit. The smaller of both sides' limits counts. Default: 30 s.
   */
  readonly idleTimeout?: number | undefined;
  /** Asks clients not to change their address on purpose. NATs may still change it. Default: false. */
  readonly disableActiveMigration?: boolean | undefined;
  readonly experimental?: ExperimentalQuicOptions | undefined;
}

/** May change or go in any release. */
export interface ExperimentalQuicOptions {
  /** Offers drafts 13 and 14 of WebTransport too, with flow control of sessions. Default: false. */
  readonly webTransportDraft13?: boolean | undefined;
  /**
   * Offers drafts 15 and 16 of WebTransport too, with flow control of sessions: for peers that know none before
   * (webtransport-go). Default: false, because it has not been tried with Safari, whose streams stall without credit.
   */
  readonly webTransportDraft15?: boolean | undefined;
}

export const newerDrafts = (options: ExperimentalQuicOptions = {}): NewerDrafts => ({
  draft13: options.webTransportDraft13 === true,
  draft15: options.webTransportDraft15 === true,
});

/** An address of this machine to which clients move. */
export interface PreferredAddress {
  readonly host: string;
  readonly port: number;
}

/** QUIC's options of a client. */
export interface QuicClientOptions {
  /**
   * Key exchange groups in order of preference; a key share is sent for the first only. Default: x25519, secp256r1,
   * secp384r1. With "x25519mlkem768" first, recorded traffic stays secret from quantum computers, and the ClientHello takes
   * two datagrams.
   */
  readonly groups?: readonly GroupName[] | undefined;
  /** The supported versions in order of preference. By default `version`, then all others. */
  readonly versions?: readonly QuicVersionName[] | undefined;
  /** The version of the first flight, which the server may change to another of `versions`. Default: "v1" if listed. */
  readonly version?: QuicVersionName;
  /** What decides how fast to send: "cubic" (the default), "newreno" or "bbr". */
  readonly congestionControl?: CongestionControl | undefined;
  /** As for servers. Default: 30 s. */
  readonly idleTimeout?: number | undefined;
  readonly experimental?: ExperimentalQuicOptions | undefined;
}

/** Throws a TypeError for unknown groups. */
export function checkGroups(groups: readonly GroupName[] | undefined): readonly GroupName[] | undefined {
  if (groups?.length === 0) throw new TypeError("quic.groups is empty; give at least one");
  const unknown = groups?.find((name) => !KEY_EXCHANGES.includes(name));
  if (unknown === undefined) return groups;
  throw new TypeError(`unknown key exchange group "${unknown}": the groups are ${KEY_EXCHANGES.join(", ")}`);
}

/** Longer than any handshake; the endpoint computes with it, so it must be finite. */
const NO_HANDSHAKE_LIMIT = 86_400_000;

/** From milliseconds, of which 0 and Infinity mean no limit. Throws a TypeError for anything but a duration. */
export function handshakeLimit(milliseconds: number): Micros {
  return millis(Math.min(noLimit(duration("quic.handshakeTimeout", milliseconds)), NO_HANDSHAKE_LIMIT));
}

/** RFC 9000 §10.1: from milliseconds, of which 0 and Infinity mean no limit. Throws a TypeError for anything but a duration. */
export function idleLimit(milliseconds: number): Micros {
  const limit = noLimit(duration("quic.idleTimeout", milliseconds));
  return millis(limit === Number.POSITIVE_INFINITY ? 0 : limit);
}

/** Throws a TypeError for unusable options. */
export function checkServerOptions(options: QuicServerOptions): void {
  const { versions, groups, congestionControl, handshakeTimeout, idleTimeout, preferredAddress = [] } = options;
  if (handshakeTimeout !== undefined) handshakeLimit(handshakeTimeout);
  if (idleTimeout !== undefined) idleLimit(idleTimeout);
  versionNumbers({ versions });
  checkGroups(groups);
  congestionControlNamed(congestionControl);
  const families = preferredAddress.map(({ host, port }) => {
    const family = ipVersion(host);
    if (family === undefined) throw new TypeError(`quic.preferredAddress: "${host}" is not an IP address`);
    if (parseIpAddress(host)!.every((byte) => byte === 0)) {
      throw new TypeError(`quic.preferredAddress: clients cannot connect to ${host}; give one address of this machine`);
    }
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new TypeError(`quic.preferredAddress: ${port} is not a port`);
    }
    return family;
  });
  if (new Set(families).size !== families.length) {
    throw new TypeError("quic.preferredAddress has two addresses of one family; give one of each");
  }
}

/** Versions as numbers: those to list, and that of a client's first flight. */
export interface VersionNumbers {
  readonly versions: readonly number[] | undefined;
  readonly first: number | undefined;
}

/** Throws a TypeError for unknown or contradictory versions. */
export function versionNumbers({ version, versions }: QuicClientOptions = {}): VersionNumbers {
  if (version === undefined && versions === undefined) return { versions: undefined, first: undefined };
  if (versions?.length === 0) throw new TypeError("quic.versions is empty; give at least one");
  for (const name of [...(versions ?? []), ...(version === undefined ? [] : [version])]) {
    if (!QUIC_VERSION_NAMES.includes(name)) {
      throw new TypeError(`unknown version of QUIC "${name}": the versions are ${QUIC_VERSION_NAMES.join(", ")}`);
    }
  }
  if (version !== undefined && versions?.includes(version) === false) {
    throw new TypeError(`quic.version is "${version}", which quic.versions does not list`);
  }
  const names = versions ?? [version!, ...QUIC_VERSION_NAMES.filter((name) => name !== version)];
  const first = version ?? (names.includes("v1") ? "v1" : names[0]!);
  return { versions: names.map((name) => VERSION_NUMBERS[name]), first: VERSION_NUMBERS[first] };
}

/** Throws a TypeError for an unknown name. */
export function congestionControlNamed(name: string | undefined): CongestionControl {
  const known = CONGESTION_CONTROLS.find((each) => each === (name ?? "cubic"));
  if (known !== undefined) return known;
  throw new TypeError(`unknown congestion control "${name}": use one of ${CONGESTION_CONTROLS.join(", ")}`);
}

/** The name of a version for display: "version 2". */
export function versionTitle(version: number): string {
  const name = QUIC_VERSION_NAMES.find((each) => VERSION_NUMBERS[each] === version);
  return name === undefined ? `version 0x${version.toString(16)}` : `version ${name.slice(1)}`;
}
