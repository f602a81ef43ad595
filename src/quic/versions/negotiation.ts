/**
 * The choice of a version (RFC 9368): by a server among those that a client's first flight can be converted to, and by a
 * client among those that a Version Negotiation packet lists.
 */

import type { Rng } from "../../base/rng.ts";
import { VERSION_1, VERSION_2 } from "./table.ts";
import { reservedVersion } from "./versions.ts";

/** RFC 9369 §4: a first flight of version 1 can be converted to version 2, and vice versa. */
const CONVERTIBLE: readonly number[] = [VERSION_1, VERSION_2];

/** True if a first flight of version `from` can be converted to version `to` (RFC 9368 §2.2). */
export const isCompatible = (from: number, to: number): boolean =>
  from === to || (CONVERTIBLE.includes(from) && CONVERTIBLE.includes(to));

/** The first version in `preferred` that the other side has too; undefined if there is none. */
export const firstCommon = (preferred: readonly number[], other: readonly number[]): number | undefined =>
  preferred.find((version) => other.includes(version));

/**
 * A server's choice of a version that the first flight in version `from` can be converted to. `preferred` and `other` are
 * the two sides' versions; the order of `preferred` decides.
 */
export function chooseCompatible(from: number, preferred: readonly number[], other: readonly number[]): number {
  const convertible = preferred.filter((version) => isCompatible(from, version));
  return firstCommon(convertible, other) ?? from;
}

/** Inserts a reserved version at a random position, so that peers keep ignoring unknown versions (RFC 9368 §6). */
export function withReserved(versions: readonly number[], rng: Rng): readonly number[] {
  const position = rng.uint32() % (versions.length + 1);
  return [...versions.slice(0, position), reservedVersion(rng), ...versions.slice(position)];
}
