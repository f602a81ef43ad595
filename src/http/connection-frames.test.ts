import { expect, test } from "vitest";
import { toHex } from "../wire/hex.ts";
import {
  ACCEPT_CH,
  ALTSVCB,
  emitAcceptChFrame,
  emitAltSvcbFrame,
  emitHttp2Frame,
  isAlternativeName,
  parseAcceptChFrame,
  parseAltSvcbFrame,
} from "./connection-frames.ts";

test("ALTSVCB: the origin with its length, then the name", () => {
  const frame = emitAltSvcbFrame("https://a.b", "x.y");
  expect(toHex(frame.payload)).toBe("0b68747470733a2f2f612e62782e79");
  expect(parseAltSvcbFrame(frame.payload)).toEqual({ origin: "https://a.b", name: "x.y" });
  expect(toHex(emitHttp2Frame(frame)).slice(0, 18)).toBe("00000ffb0000000000");
  expect(frame.type).toBe(ALTSVCB);
  for (let length = 0; length < 12; length += 1) {
    expect(parseAltSvcbFrame(frame.payload.subarray(0, length))).toEqual(undefined);
  }
});

test.each([2, 3] as const)("ACCEPT_CH of HTTP/%i: origins and values with their lengths", (version) => {
  const entries = [
    ["https://a.b", "Sec-CH-UA, Sec-CH-IP-Geo"],
    ["https://c.d", ""],
  ] as const;
  const { type, payload } = emitAcceptChFrame(entries, version);
  expect([type, toHex(payload.subarray(0, 2))]).toEqual([ACCEPT_CH, version === 2 ? "000b" : "0b68"]);
  expect(parseAcceptChFrame(payload, version)).toEqual(entries);
  expect(parseAcceptChFrame(payload.subarray(0, -1), version)).toBeUndefined();
  expect(parseAcceptChFrame(new Uint8Array(), version)).toEqual([]);
  const many = emitAcceptChFrame(
    Array.from({ length: 1_000 }, () => entries[1]),
    version,
  );
  expect(parseAcceptChFrame(many.payload, version)).toHaveLength(64);
});

test("names are of A-labels, with or without the dot at the end", () => {
  for (const name of ["a", "A.b.", "xn--bcher-kva.example", "_8443._https.a.example", "invalid"]) {
    expect(isAlternativeName(name)).toBe(true);
  }
  const long = Array.from({ length: 64 }, () => "abc").join(".");
  for (const name of ["", ".", "a..b", "-a", "a b", "https://a", "bücher.example", `${"a".repeat(64)}.b`, long]) {
    expect(isAlternativeName(name)).toBe(false);
  }
});
