import { describe, expect, it } from "vitest";
import { ENGINES } from "../../crypto/testing/engines.ts";
import { fromHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";
import { preferredVersion, VERSION_1, VERSION_2 } from "../versions/index.ts";
import { parsePacketHeader } from "./header.ts";
import { emitRetry, verifyRetry } from "./retry.ts";

const ORIGINAL = fromHex("8394c8f03e515708");
/** RFC 9369 §A.4. */
const SAMPLE_2 = fromHex("cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6");
const SAMPLE = fromHex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");

describe.each(ENGINES)("Retry with the $name engine", (engine) => {
  it.each([
    ["RFC 9001", VERSION_1, VERSION_2, SAMPLE],
    ["RFC 9369", VERSION_2, VERSION_1, SAMPLE_2],
  ])("%s §A.4", (_, version, other, sample) => {
    const writer = new Writer(new Uint8Array(100));
    emitRetry(engine, writer, version, ORIGINAL, new Uint8Array(0), fromHex("f067a5502a4262b5"), utf8("token"));
    expect(writer.written()).toEqual(sample);
    expect(verifyRetry(engine, version, ORIGINAL, sample)).toBe(true);
    expect(verifyRetry(engine, other, ORIGINAL, sample)).toBe(false);
  });

  it("rejects any changed byte, another original id, and truncation", () => {
    for (let at = 0; at < SAMPLE.length; at += 1) {
      const changed = SAMPLE.slice();
      changed[at] = changed[at]! ^ 0x01;
      expect(verifyRetry(engine, preferredVersion, ORIGINAL, changed)).toBe(false);
      expect(verifyRetry(engine, preferredVersion, ORIGINAL, SAMPLE.subarray(0, at))).toBe(false);
    }
    expect(verifyRetry(engine, preferredVersion, fromHex("8394c8f03e515709"), SAMPLE)).toBe(false);
    expect(verifyRetry(engine, preferredVersion, new Uint8Array(0), SAMPLE)).toBe(false);
  });

  it("is parsed back", () => {
    const writer = new Writer(new Uint8Array(100), 3);
    emitRetry(engine, writer, preferredVersion, ORIGINAL, fromHex("0102"), fromHex("030405"), fromHex("aabb"));
    const header = parsePacketHeader(writer.bytes, 3, writer.position, 8)!;
    expect(header.form).toBe("retry");
    expect(header.destination).toEqual(fromHex("0102"));
    expect(header.source).toEqual(fromHex("030405"));
    expect(header.token).toEqual(fromHex("aabb"));
    expect(verifyRetry(engine, preferredVersion, ORIGINAL, writer.bytes.subarray(header.start, header.end))).toBe(true);
  });
});
