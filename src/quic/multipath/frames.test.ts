import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../base/errors.ts";
import { PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { ENGINES } from "../../crypto/testing/engines.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { code, frameArbitraries, integer } from "../frame/testing/arbitraries.ts";
import { derivePacketKeys, protectBatch } from "../keys/index.ts";
import { beginShortHeader, finishPacket } from "../packet/index.ts";
import { VERSION_1 } from "../versions/index.ts";
import {
  type CodePoints,
  emitMultipathFrame,
  MAX_PATH_ID,
  MULTIPATH_FRAMES,
  type MultipathFrame,
  parseMultipathFrame,
} from "./index.ts";

const { oneRtt } = EncryptionLevel;
const POINTS: readonly CodePoints[] = ["rfc", "draft15"];
const TOKEN = "000102030405060708090a0b0c0d0e0f";
const id = {
  type: "new-connection-id",
  sequence: 0,
  retirePriorTo: 0,
  connectionId: fromHex("1122334455667788"),
  resetToken: fromHex(TOKEN),
} as const;
const ack = { type: "ack", largest: 10, delay: 5, ranges: [8, 10, 3, 6], ecn: undefined } as const;

/** Frame, its bytes in the RFC's code points, its type in draft 15's. */
const VECTORS: readonly (readonly [MultipathFrame, string, string])[] = [
  [{ type: "path-ack", pathId: 1, ack }, "3e010a0501020003", "95228c00"],
  [
    { type: "path-ack", pathId: 1, ack: { ...ack, ecn: { ect0: 1, ect1: 2, ce: 3 } } },
    "3f010a0501020003010203",
    "95228c01",
  ],
  [{ type: "path-abandon", pathId: 1, code: 0x3e76 }, "7e75017e76", "95228c05"],
  [{ type: "path-status-backup", pathId: 1, sequence: 4 }, "7e760104", "95228c07"],
  [{ type: "path-status-available", pathId: 1, sequence: 5 }, "7e770105", "95228c08"],
  [{ type: "path-new-connection-id", pathId: 2, id }, `7e78020000081122334455667788${TOKEN}`, "95228c09"],
  [{ type: "path-retire-connection-id", pathId: 2, sequence: 0 }, "7e790200", "95228c0a"],
  [{ type: "max-path-id", maximum: 7 }, "7e7a07", "95228c0c"],
  [{ type: "paths-blocked", maximum: 2 }, "7e7b02", "95228c0d"],
  [{ type: "path-cids-blocked", pathId: 2, nextSequence: 1 }, "7e7c0201", "95228c0e"],
];

const parse = (hex: string, level: EncryptionLevel = oneRtt, points: CodePoints = "rfc") =>
  parseMultipathFrame(new Reader(fromHex(hex)), level, points);

function emit(frame: MultipathFrame, points: CodePoints): Uint8Array {
  const writer = new Writer(new Uint8Array(4096));
  emitMultipathFrame(writer, frame, points);
  return writer.bytes.subarray(0, writer.position);
}

/** The name of the error for these bytes; undefined if there is none. */
function refusal(hex: string, level?: EncryptionLevel): string | undefined {
  try {
    parse(hex, level);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return Object.entries(TRANSPORT_ERRORS).find(([, row]) => row.code === error.code)?.[0];
  }
}

describe("the frames of Multipath QUIC", () => {
  it.each(VECTORS)("%o has its bytes in both sets of code points", (frame, rfc, draft15) => {
    const fields = rfc.slice(rfc.startsWith("7e") ? 4 : 2);
    expect(toHex(emit(frame, "rfc"))).toBe(rfc);
    expect(toHex(emit(frame, "draft15"))).toBe(draft15 + fields);
    expect(parse(rfc)).toEqual(frame);
    expect(parse(draft15 + fields, oneRtt, "draft15")).toEqual(frame);
  });

  it("one set of code points does not know the other's numbers, nor the frames of version 1", () => {
    for (const [bytes, points] of [
      ["7e7a07", "draft15"],
      ["95228c0c07", "rfc"],
      ["01", "rfc"],
      ["", "rfc"],
    ] as const) {
      const reader = new Reader(fromHex(bytes));
      expect(parseMultipathFrame(reader, oneRtt, points)).toBeUndefined();
      expect(reader.position).toBe(0);
    }
  });

  it("any other packet than 1-RTT is a PROTOCOL_VIOLATION", () => {
    for (const level of [EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.zeroRtt]) {
      for (const [, bytes] of VECTORS) expect(refusal(bytes, level)).toBe("PROTOCOL_VIOLATION");
    }
  });

  it.each([
    ["a path id of 2^32 in MAX_PATH_ID", "7e7ac000000100000000", "PROTOCOL_VIOLATION"],
    ["a path id of 2^62-1 in PATH_ACK", "3effffffffffffffff0a0501020003", "PROTOCOL_VIOLATION"],
    ["Retire Prior To above the sequence number", `7e78020001081122334455667788${TOKEN}`, "FRAME_ENCODING_ERROR"],
    ["a connection id of 0 bytes", `7e7802000000${TOKEN}`, "FRAME_ENCODING_ERROR"],
    ["a connection id of 21 bytes", `7e7802000015${"aa".repeat(21)}${TOKEN}`, "FRAME_ENCODING_ERROR"],
    ["a range below packet number 0", "3e010200000a", "FRAME_ENCODING_ERROR"],
    ["more ranges than bytes", "3e010200bfffffff00", "FRAME_ENCODING_ERROR"],
    ["a type that is not in its shortest form", "80003e7a07", "PROTOCOL_VIOLATION"],
  ])("%s is refused", (_, bytes, error) => {
    expect(refusal(bytes)).toBe(error);
  });

  it("2^32-1 is a path id", () => {
    expect(parse("7e7ac0000000ffffffff")).toEqual({ type: "max-path-id", maximum: MAX_PATH_ID });
  });

  it("every cut frame is a FRAME_ENCODING_ERROR", () => {
    for (const [, bytes] of VECTORS) {
      const typeLength = bytes.startsWith("7e") ? 4 : 2;
      for (let end = typeLength; end < bytes.length; end += 2) {
        expect(refusal(bytes.slice(0, end))).toBe("FRAME_ENCODING_ERROR");
      }
    }
  });

  const pathId = fc.integer({ min: 0, max: MAX_PATH_ID });
  const sequenced = (type: "path-status-backup" | "path-status-available" | "path-retire-connection-id") =>
    fc.record({ type: fc.constant(type), pathId, sequence: integer });
  const ids = frameArbitraries["new-connection-id"];
  const anyMultipathFrame: fc.Arbitrary<MultipathFrame> = fc.oneof(
    fc.record({ type: fc.constant("path-ack"), pathId, ack: frameArbitraries.ack }),
    fc.record({ type: fc.constant("path-abandon"), pathId, code }),
    sequenced("path-status-backup"),
    sequenced("path-status-available"),
    sequenced("path-retire-connection-id"),
    fc.record({ type: fc.constant("path-new-connection-id"), pathId, id: ids }),
    fc.record({ type: fc.constantFrom("max-path-id", "paths-blocked"), maximum: pathId }),
    fc.record({ type: fc.constant("path-cids-blocked"), pathId, nextSequence: integer }),
  );

  it.each(POINTS)("every frame survives a round trip (%s)", (points) => {
    fc.assert(
      fc.property(anyMultipathFrame, (frame) => {
        const reader = new Reader(emit(frame, points));
        expect(parseMultipathFrame(reader, oneRtt, points)).toEqual(frame);
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  it("any bytes after a type are a frame or a ProtocolError", () => {
    const types = MULTIPATH_FRAMES.map((row) => toHex(emitType(row.numbers.rfc)));
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }), (type, rest) => {
        refusal(type + toHex(rest));
      }),
    );
  });
});

function emitType(number: number): Uint8Array {
  const writer = new Writer(new Uint8Array(8));
  writer.varint(number);
  return writer.bytes.subarray(0, writer.position);
}

it.each(ENGINES)("a 1-RTT packet on path 2 has the bytes of the nonce with its path id ($name)", (engine) => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i);
  const arena = new Uint8Array(30);
  const batch = new PacketBatch(arena, 1);
  const writer = new Writer(arena, 0, arena.length - TAG_LENGTH);
  const open = beginShortHeader(writer, fromHex("1122334455667788"), 0, 0, 7, 1);
  writer.write(fromHex("01000000"));
  finishPacket(writer, open, batch);
  protectBatch(batch, derivePacketKeys(engine, "aes-128-gcm", "sha256", secret, VERSION_1), 0, 2);
  expect(toHex(arena)).toBe("481122334455667788c607d7227f8795baa8e9b1a710a4345afbc0c58b10");
});
