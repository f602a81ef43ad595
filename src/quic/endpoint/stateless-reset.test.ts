import { describe, expect, it } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { fromHex } from "../../wire/hex.ts";
import { parsePacketHeader } from "../packet/index.ts";
import { emitStatelessReset, resetToken } from "./stateless-reset.ts";

const SECRET = new Uint8Array(32).fill(3);
const TOKEN = resetToken(portableEngine, SECRET, fromHex("0102030405060708"));

describe("reset tokens", () => {
  it("are a function of the secret and the connection id", () => {
    expect(TOKEN).toHaveLength(16);
    expect(resetToken(portableEngine, SECRET, fromHex("0102030405060708"))).toEqual(TOKEN);
    expect(resetToken(portableEngine, SECRET, fromHex("0102030405060709"))).not.toEqual(TOKEN);
    expect(resetToken(portableEngine, new Uint8Array(32).fill(4), fromHex("0102030405060708"))).not.toEqual(TOKEN);
  });
});

describe("stateless resets (RFC 9000 §10.3)", () => {
  it("are always shorter than their trigger, and at least 21 bytes", () => {
    const rng = new SeededRng(1);
    for (let trigger = 0; trigger <= 1_500; trigger += 1) {
      const reset = emitStatelessReset(rng, TOKEN, trigger);
      if (trigger <= 21) {
        expect(reset).toBeUndefined();
        continue;
      }
      expect(reset!.length).toBeGreaterThanOrEqual(21);
      expect(reset!.length).toBeLessThan(trigger);
      if (trigger <= 43) expect(reset!.length).toBe(trigger - 1);
      expect(reset!.slice(-16)).toEqual(TOKEN);
    }
  });

  it("stop a loop between two endpoints without state at 21 bytes", () => {
    const rng = new SeededRng(2);
    let length = 1_200;
    let replies = 0;
    for (let reset = emitStatelessReset(rng, TOKEN, length); reset; reset = emitStatelessReset(rng, TOKEN, length)) {
      expect(reset.length).toBeLessThan(length);
      length = reset.length;
      replies += 1;
    }
    expect(length).toBe(21);
    expect(replies).toBeLessThan(120);
  });

  it("look like 1-RTT packets of varying length", () => {
    const rng = new SeededRng(3);
    const lengths = new Set<number>();
    for (let i = 0; i < 50; i += 1) {
      const reset = emitStatelessReset(rng, TOKEN, 1_200)!;
      expect(parsePacketHeader(reset, 0, reset.length, 8)?.form).toBe("one-rtt");
      lengths.add(reset.length);
    }
    expect(lengths.size).toBeGreaterThan(10);
  });
});
