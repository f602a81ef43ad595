import { describe, expect, it } from "vitest";
import { ALERTS, alertError, alertName, CRYPTO_ERROR } from "./alerts.ts";

describe("alerts", () => {
  it("become QUIC connection errors, which map back to their names (RFC 9001 §4.8)", () => {
    for (const name of Object.keys(ALERTS) as (keyof typeof ALERTS)[]) {
      const { code, layer } = alertError(name, "finished");
      expect(layer).toBe("transport");
      expect(code).toBe(CRYPTO_ERROR + ALERTS[name].code);
      expect(alertName(code)).toBe(name);
    }
  });

  it("say where the error was found, and what it was", () => {
    expect(alertError("illegal_parameter", "key_share", "two of 0x001d").message).toBe("key_share: two of 0x001d");
    expect(alertError("decode_error", "finished").message).toBe("finished: the message could not be decoded");
  });

  it("quote a limited part of what the peer sent", () => {
    expect(alertError("unrecognized_name", "client_hello", "x".repeat(60_000)).message.length).toBeLessThan(600);
  });

  it("are not found in other codes", () => {
    expect(alertName(0x0a)).toBeUndefined();
    expect(alertName(0x1ff)).toBeUndefined();
    expect(alertName(0x232)).toBeUndefined();
  });
});
