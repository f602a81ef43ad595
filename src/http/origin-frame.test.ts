import { expect, test } from "vitest";
import { emitOriginEntries, MAX_ORIGINS, parseOriginEntries } from "./origin-frame.ts";

test("RFC 8336 §2.1: entries with their length, and what is no origin of https is left out", () => {
  const origins = ["https://a.example", "https://b.example:8443", "https://[2001:db8::1]"];
  const payload = emitOriginEntries(origins);
  expect(payload.subarray(0, 4)).toEqual(Uint8Array.of(0, 17, 0x68, 0x74));
  expect(parseOriginEntries(payload)).toEqual(origins);
  expect(parseOriginEntries(new Uint8Array())).toEqual([]);
  const odd = ["http://a.example", "https://a.example/", "https://A.example", "null", "", "https://a b", "https://a:0"];
  expect(parseOriginEntries(emitOriginEntries(odd))).toEqual([]);
});

test("entries that are cut off are refused, and the set is bounded", () => {
  const payload = emitOriginEntries(["https://a.example"]);
  for (let length = 1; length < payload.length; length += 1) {
    expect(parseOriginEntries(payload.subarray(0, length))).toBeUndefined();
  }
  const many = Array.from({ length: 2 * MAX_ORIGINS }, (_, i) => `https://x${i}.example`);
  expect(parseOriginEntries(emitOriginEntries(many))).toHaveLength(MAX_ORIGINS);
});
