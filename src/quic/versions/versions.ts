/** Looks up versions, and generates reserved ones, which exercise version negotiation (RFC 9000 §15, §6.3). */

import type { Rng } from "../../base/rng.ts";
import { type QuicVersion, VERSIONS } from "./table.ts";

/** The supported versions, in order of preference. */
export const supportedVersions: readonly number[] = VERSIONS.map((version) => version.number);

/** The version that a client tries if it knows nothing about the server. */
export const preferredVersion: number = supportedVersions[0]!;

/** The table row of a version; undefined if the version is not supported. */
export function findVersion(number: number): QuicVersion | undefined {
  for (const version of VERSIONS) if (version.number === number) return version;
  return undefined;
}

/** The table row of a version. Throws if the version is not supported. */
export function versionRow(number: number): QuicVersion {
  const version = findVersion(number);
  if (version === undefined) throw new RangeError(`QUIC version 0x${number.toString(16)} is not supported`);
  return version;
}

/** Versions of the form 0x?a?a?a?a are never used; they exist to be ignored (RFC 9000 §15). */
export const isReservedVersion = (number: number): boolean => (number & 0x0f0f_0f0f) === 0x0a0a_0a0a;

/** A random reserved version to add to a list, so that peers keep ignoring versions that they do not know. */
export const reservedVersion = (rng: Rng): number => ((rng.uint32() & 0xf0f0_f0f0) | 0x0a0a_0a0a) >>> 0;
