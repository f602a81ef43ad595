import { describe, expect, it } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { fromHex } from "../../wire/hex.ts";
import { ConnectionId, connectionIdKey } from "./connection-id.ts";

describe("ConnectionId", () => {
  it("owns its bytes", () => {
    const datagram = fromHex("0102030405");
    const id = ConnectionId.from(datagram.subarray(1, 4));
    datagram.fill(0xff);
    expect(id.bytes).toEqual(fromHex("020304"));
    expect(id.length).toBe(3);
    expect(String(id)).toBe("020304");
  });

  it("is found in a map by a key made directly from the datagram, at any length", () => {
    for (let length = 0; length <= 20; length += 1) {
      const id = ConnectionId.random(new SeededRng(length), length);
      const datagram = new Uint8Array(64).fill(0x80);
      datagram.set(id.bytes, 7);
      expect(connectionIdKey(datagram, 7, 7 + length)).toBe(id.key);
      expect(id.key).toHaveLength(length);
    }
  });

  it("compares by content", () => {
    const a = ConnectionId.from(fromHex("0102030405060708"));
    expect(a.equals(ConnectionId.from(fromHex("0102030405060708")))).toBe(true);
    expect(a.equals(ConnectionId.from(fromHex("0102030405060709")))).toBe(false);
    expect(a.equals(ConnectionId.from(fromHex("01020304050607")))).toBe(false);
  });
});
