import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat } from "../../wire/text.ts";
import { formatVarInt, type VarInt } from "../../wire/varint.ts";
import {
  CapsuleError,
  CapsuleReader,
  type CapsuleSink,
  type CapsuleTreatment,
  capsule,
  capsuleHead,
  datagramCapsule,
  hasCapsuleProtocol,
} from "./index.ts";

class Recorder implements CapsuleSink {
  readonly events: string[] = [];
  readonly treat: (type: VarInt, length: number) => CapsuleTreatment;

  constructor(treat: (type: VarInt, length: number) => CapsuleTreatment) {
    this.treat = treat;
  }

  begin(type: VarInt, length: number): CapsuleTreatment {
    return this.treat(type, length);
  }
  collected(type: VarInt, value: Uint8Array): void {
    this.events.push(`${formatVarInt(type)}=${toHex(value)}`);
  }
  piece(type: VarInt, bytes: Uint8Array, isLast: boolean): void {
    this.events.push(`${formatVarInt(type)}~${toHex(bytes)}${isLast ? "." : ""}`);
  }
}

const collectAll = () => new Recorder(() => "collect");

describe("writing", () => {
  test("a DATAGRAM capsule with context 0 (RFC 9297 §3.5, RFC 9298 §5)", () => {
    expect(toHex(datagramCapsule(fromHex("00"), fromHex("dead")))).toBe("000300dead");
  });

  test("a type of 62 bits and an empty value", () => {
    expect(toHex(capsule(0x78ae))).toBe("800078ae00");
    expect(toHex(capsuleHead({ high: 0x3fffffff, low: 0xffffffff }, 70_000))).toBe("ffffffffffffffff80011170");
  });
});

describe("reading", () => {
  const stream = concat(
    capsule(0x00, fromHex("00dead")),
    capsule(0x2843, fromHex("0000002a627965")),
    capsule(0x78ae),
    capsule(0x17, new Uint8Array(70).fill(7)),
  );
  const expected = ["0=00dead", "10307=0000002a627965", "30894=", `23=${"07".repeat(70)}`];

  test("gives the same capsules however the stream is split", () => {
    for (let size = 1; size <= stream.length; size += 1) {
      const sink = collectAll();
      const reader = new CapsuleReader(sink);
      for (let at = 0; at < stream.length; at += size) reader.handle(stream.subarray(at, at + size));
      reader.handleEnd();
      expect(sink.events).toEqual(expected);
      expect(reader.bytesHeld).toBe(0);
    }
  });

  test("streams a value in pieces and ends it even if it is empty", () => {
    const sink = new Recorder(() => "stream");
    const reader = new CapsuleReader(sink);
    reader.handle(fromHex("0a03aa"));
    reader.handle(fromHex("bbcc0b00"));
    expect(sink.events).toEqual(["10~aa", "10~bbcc.", "11~."]);
  });

  test("skips capsules of unknown types, even one that announces 2^62 - 1 bytes", () => {
    const sink = new Recorder((type) => (type === 0 ? "collect" : "skip"));
    const reader = new CapsuleReader(sink);
    reader.handle(fromHex("0a03aabbcc0001ff"));
    expect(sink.events).toEqual(["0=ff"]);
    reader.handle(concat(fromHex("0bffffffffffffffff"), new Uint8Array(100_000)));
    expect(reader.bytesHeld).toBe(0);
    expect(sink.events).toEqual(["0=ff"]);
  });

  test("a stream that ends inside a capsule is malformed, at every byte (RFC 9297 §3.3)", () => {
    const whole = capsule(0x2843, fromHex("0000002a627965"));
    for (let end = 1; end < whole.length; end += 1) {
      const reader = new CapsuleReader(collectAll());
      reader.handle(whole.subarray(0, end));
      expect(() => reader.handleEnd(), `after ${end} bytes`).toThrow(CapsuleError);
    }
  });

  test("ignores what follows once it is stopped, in the same bytes too", () => {
    const events: string[] = [];
    const reader: CapsuleReader = new CapsuleReader({
      begin: () => "collect",
      collected: (type) => {
        events.push(formatVarInt(type));
        reader.stop();
      },
    });
    reader.handle(stream);
    reader.handle(stream);
    reader.handleEnd();
    expect(events).toEqual(["0"]);
  });
});

describe("the Capsule-Protocol field", () => {
  test.each([
    [["?1"], true],
    [["?1;a=b"], true],
    [["?0"], false],
    [["1"], false],
    [["?1", "?1"], false],
    [["?1, ?1"], false],
    [[], false],
  ] as const)("%j: %s", (values, expected) => {
    expect(hasCapsuleProtocol(values.map((value) => ["capsule-protocol", value] as const))).toBe(expected);
  });
});
