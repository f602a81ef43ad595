import { describe, expect, it } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import {
  chooseCompatible,
  findVersion,
  isCompatible,
  isReservedVersion,
  preferredVersion,
  reservedVersion,
  supportedVersions,
  VERSION_1,
  VERSION_2,
  VERSIONS,
  versionRow,
  withReserved,
} from "./index.ts";

describe("versions", () => {
  it("every row is valid: salt, key and nonce have their sizes, the packet types are a permutation", () => {
    for (const row of VERSIONS) {
      expect(row.initialSalt).toHaveLength(20);
      expect(row.retryKey).toHaveLength(16);
      expect(row.retryNonce).toHaveLength(12);
      expect(Object.values(row.longPacketTypes).sort()).toEqual([0, 1, 2, 3]);
      expect(versionRow(row.number)).toBe(row);
    }
    expect(supportedVersions[0]).toBe(preferredVersion);
  });

  it("rejects unsupported versions", () => {
    expect(findVersion(0xff00001d)).toBeUndefined();
    expect(findVersion(0)).toBeUndefined();
    expect(() => versionRow(0x709a50c4)).toThrow(RangeError);
  });

  it("reserved versions are those of the form 0x?a?a?a?a (RFC 9000 §15)", () => {
    expect(isReservedVersion(0x1a2a3a4a)).toBe(true);
    expect(isReservedVersion(0xfafafafa)).toBe(true);
    expect(isReservedVersion(0x1a2a3a4b)).toBe(false);
    expect(isReservedVersion(preferredVersion)).toBe(false);
    const rng = new SeededRng(1);
    for (let i = 0; i < 100; i += 1) {
      const version = reservedVersion(rng);
      expect(version).toBeGreaterThan(0);
      expect(isReservedVersion(version)).toBe(true);
      expect(findVersion(version)).toBeUndefined();
    }
  });

  it("a server converts a first flight to the first of its versions that the client has (RFC 9368 §2.3)", () => {
    expect(chooseCompatible(VERSION_1, [VERSION_2, VERSION_1], [VERSION_1, VERSION_2])).toBe(VERSION_2);
    expect(chooseCompatible(VERSION_2, [VERSION_1, VERSION_2], [VERSION_2, VERSION_1])).toBe(VERSION_1);
    expect(chooseCompatible(VERSION_1, [VERSION_2], [VERSION_1])).toBe(VERSION_1);
    // Of a reserved version, nothing is known.
    expect(chooseCompatible(VERSION_1, [0x1a2a3a4a, VERSION_1], [0x1a2a3a4a, VERSION_1])).toBe(VERSION_1);
    expect(isCompatible(VERSION_1, 0x1a2a3a4a)).toBe(false);
  });

  it("a reserved version is inserted at any position", () => {
    const rng = new SeededRng(2);
    const positions = Array.from({ length: 100 }, () => {
      const list = withReserved([VERSION_1, VERSION_2], rng);
      expect(list.filter((version) => !isReservedVersion(version))).toEqual([VERSION_1, VERSION_2]);
      return list.findIndex(isReservedVersion);
    });
    expect([...new Set(positions)].sort()).toEqual([0, 1, 2]);
  });
});
