import { describe, expect, it } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { Writer } from "../../wire/writer.ts";
import { isReservedVersion, preferredVersion } from "../versions/index.ts";
import { parsePacketHeader } from "./header.ts";
import { emitVersionNegotiation } from "./version-negotiation.ts";

describe("emitVersionNegotiation", () => {
  it("echoes ids of any length and lists the versions in order, with a reserved one inserted", () => {
    const places = new Set<number>();
    for (let seed = 0; seed < 50; seed += 1) {
      const writer = new Writer(new Uint8Array(600));
      const destination = new Uint8Array(seed * 5).fill(1);
      const source = new Uint8Array(255 - seed).fill(2);
      emitVersionNegotiation(writer, destination, source, [preferredVersion, 0x6b3343cf], new SeededRng(seed));
      const header = parsePacketHeader(writer.bytes, 0, writer.position, 8)!;
      expect(header.form).toBe("version-negotiation");
      expect(header.destination).toEqual(destination);
      expect(header.source).toEqual(source);
      expect(header.versions!.filter((version) => !isReservedVersion(version))).toEqual([preferredVersion, 0x6b3343cf]);
      expect(header.versions!.filter(isReservedVersion)).toHaveLength(1);
      places.add(header.versions!.findIndex(isReservedVersion));
    }
    expect([...places].sort()).toEqual([0, 1, 2]);
  });
});
