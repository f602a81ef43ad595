/** Packet keys and header keys (RFC 9001 §5.3, §5.4) of every engine. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { SeededRng } from "../base/rng.ts";
import { type AeadName, IV_LENGTH, KEY_LENGTH, PacketBatch, TAG_LENGTH } from "./engine.ts";
import { writePacketNonce } from "./nonce.ts";
import { batchOf, type ClearPacket, maskBytes, packetBytes, payloadBytes } from "./testing/batch.ts";
import { ENGINES, opensslEngine } from "./testing/engines.ts";
import { RFC9001_PACKETS } from "./testing/rfc9001.ts";
import { AEAD_VECTORS } from "./testing/vectors.ts";

const AEADS = Object.keys(KEY_LENGTH) as AeadName[];
const filled = (length: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  new SeededRng(seed).fill(bytes);
  return bytes;
};
const packet = (packetNumber: number, length: number): ClearPacket => ({
  header: filled(9, packetNumber),
  packetNumberOffset: 5,
  packetNumber,
  payload: filled(length, packetNumber + 1),
});

it.skipIf(opensslEngine === undefined)("the openssl engine is available", () => {
  expect(ENGINES).toContain(opensslEngine);
});

describe.each(ENGINES)("$name", (engine) => {
  describe("single-shot AEAD", () => {
    it.each(AEAD_VECTORS)("$name", ({ aead, key, nonce, aad, plaintext, sealed }) => {
      expect(engine.aeadSeal(aead, key, nonce, aad, plaintext)).toEqual(sealed);
      expect(engine.aeadOpen(aead, key, nonce, aad, sealed)).toEqual(plaintext);
    });

    it.each(AEADS)("%s refuses every changed byte and every truncation", (aead) => {
      const key = filled(KEY_LENGTH[aead], 1);
      const nonce = filled(IV_LENGTH, 2);
      const aad = filled(5, 3);
      const sealed = engine.aeadSeal(aead, key, nonce, aad, filled(20, 4));
      for (let i = 0; i < sealed.length; i += 1) {
        const changed = sealed.slice();
        changed[i]! ^= 1;
        expect(engine.aeadOpen(aead, key, nonce, aad, changed)).toBeUndefined();
        expect(engine.aeadOpen(aead, key, nonce, aad, sealed.subarray(0, i))).toBeUndefined();
      }
      expect(engine.aeadOpen(aead, key, nonce, filled(5, 9), sealed)).toBeUndefined();
      expect(engine.aeadOpen(aead, key, filled(IV_LENGTH, 9), aad, sealed)).toBeUndefined();
    });
  });

  describe("RFC 9001 Appendix A", () => {
    it.each(RFC9001_PACKETS)("$name is sealed and masked byte for byte", (vector) => {
      const batch = batchOf([vector]);
      engine.createPacketKey(vector.aead, vector.key, vector.iv).seal(batch, 0, 0);
      expect(packetBytes(batch, 0).subarray(vector.header.length)).toEqual(
        vector.protected.subarray(vector.header.length),
      );
      engine.createHeaderKey(vector.aead, vector.headerKey).mask(batch, 0);
      expect(maskBytes(batch, 0)).toEqual(vector.mask);
    });

    it.each(RFC9001_PACKETS)("$name is opened", (vector) => {
      const batch = batchOf([{ ...vector, payload: new Uint8Array(vector.payload.length) }]);
      batch.arena.set(vector.protected);
      batch.arena.set(vector.header);
      engine.createPacketKey(vector.aead, vector.key, vector.iv).open(batch, 0, 0);
      expect(batch.ok[0]).toBe(1);
      expect(payloadBytes(batch, 0)).toEqual(vector.payload);
    });
  });

  describe.each(AEADS)("%s batches", (aead) => {
    const key = filled(KEY_LENGTH[aead], 11);
    const iv = filled(IV_LENGTH, 12);
    const packets = [packet(0, 40), packet(1, 1), packet(2 ** 32 + 7, 1300), packet(2 ** 53 - 1, 0)];

    it("seal like single packets, and open again", () => {
      const batch = batchOf(packets, 3);
      engine.createPacketKey(aead, key, iv).seal(batch, 0, 0);
      for (const [i, single] of packets.entries()) {
        const alone = batchOf([single]);
        engine.createPacketKey(aead, key, iv).seal(alone, 0, 0);
        expect(packetBytes(batch, i)).toEqual(packetBytes(alone, 0));
      }
      engine.createPacketKey(aead, key, iv).open(batch, 0, 0);
      for (const [i, { payload }] of packets.entries()) {
        expect(batch.ok[i]).toBe(1);
        expect(payloadBytes(batch, i)).toEqual(payload);
      }
    });

    it("leave packets before `from` and bytes between packets untouched", () => {
      const batch = batchOf(packets, 3);
      const before = batch.arena.slice();
      engine.createPacketKey(aead, key, iv).seal(batch, 2, 0);
      expect(batch.arena.subarray(0, batch.payload[2]!)).toEqual(before.subarray(0, batch.payload[2]!));
      expect(packetBytes(batch, 2)).not.toEqual(before.slice(batch.header[2]!, batch.end[2]!));
      engine.createHeaderKey(aead, key).mask(batch, 2);
      expect(batch.masks.subarray(0, 32)).toEqual(new Uint8Array(32));
      batch.ok.fill(7);
      engine.createPacketKey(aead, key, iv).open(batch, 2, 0);
      expect([...batch.ok]).toEqual([7, 7, 1, 1]);
    });

    it("open the valid packets next to invalid ones", () => {
      const batch = batchOf(packets);
      const packetKey = engine.createPacketKey(aead, key, iv);
      packetKey.seal(batch, 0, 0);
      batch.arena[batch.end[0]! - 1]! ^= 0x80;
      batch.arena[batch.header[2]!]! ^= 1;
      batch.packetNumber[3] = 5;
      packetKey.open(batch, 0, 0);
      expect([...batch.ok]).toEqual([0, 1, 0, 0]);
    });

    it("refuse a packet too short for a tag", () => {
      const batch = new PacketBatch(new Uint8Array(64), 2);
      batch.count = 2;
      batch.payload.set([10, 40]);
      batch.end.set([10 + TAG_LENGTH - 1, 40]);
      batch.ok.fill(1);
      engine.createPacketKey(aead, key, iv).open(batch, 0, 0);
      expect([...batch.ok]).toEqual([0, 0]);
    });

    it("keep paths apart by the nonce", () => {
      const packetKey = engine.createPacketKey(aead, key, iv);
      const sealed = [0, 1, 0x01020304].map((pathId) => {
        const batch = batchOf([packet(1, 30)]);
        packetKey.seal(batch, 0, pathId);
        return { pathId, batch };
      });
      for (const { pathId, batch } of sealed) {
        const nonce = new Uint8Array(IV_LENGTH);
        writePacketNonce(nonce, iv, pathId, 1);
        const { header, payload } = packet(1, 30);
        expect(packetBytes(batch, 0).subarray(header.length)).toEqual(
          engine.aeadSeal(aead, key, nonce, header, payload),
        );
      }
      packetKey.open(sealed[1]!.batch, 0, 2);
      expect(sealed[1]!.batch.ok[0]).toBe(0);
      packetKey.open(sealed[2]!.batch, 0, 0x01020304);
      expect(sealed[2]!.batch.ok[0]).toBe(1);
    });

    it("do not depend on the caller keeping key and IV unchanged", () => {
      const [mutableKey, mutableIv] = [key.slice(), iv.slice()];
      const packetKey = engine.createPacketKey(aead, mutableKey, mutableIv);
      const headerKey = engine.createHeaderKey(aead, mutableKey);
      mutableKey.fill(0);
      mutableIv.fill(0);
      const [batch, expected] = [batchOf([packet(9, 30)]), batchOf([packet(9, 30)])];
      packetKey.seal(batch, 0, 0);
      headerKey.mask(batch, 0);
      engine.createPacketKey(aead, key, iv).seal(expected, 0, 0);
      engine.createHeaderKey(aead, key).mask(expected, 0);
      expect(batch.arena).toEqual(expected.arena);
      expect(maskBytes(batch, 0)).toEqual(maskBytes(expected, 0));
    });

    it("produce a mask, not an exception, if the arena ends within the sample", () => {
      const batch = new PacketBatch(filled(30, 5), 1);
      batch.count = 1;
      const headerKey = engine.createHeaderKey(aead, key);
      for (const offset of [11, 20, 26, 30]) {
        batch.packetNumberOffset[0] = offset;
        expect(() => headerKey.mask(batch, 0)).not.toThrow();
      }
    });

    it("do nothing for an empty batch", () => {
      const batch = batchOf(packets);
      const before = batch.arena.slice();
      engine.createPacketKey(aead, key, iv).seal(batch, batch.count, 0);
      engine.createPacketKey(aead, key, iv).open(batch, batch.count, 0);
      engine.createHeaderKey(aead, key).mask(batch, batch.count);
      expect(batch.arena).toEqual(before);
    });
  });
});

describe("the nonce", () => {
  it("matches RFC 9001 §A.5", () => {
    const { iv, packetNumber } = RFC9001_PACKETS[2]!;
    const nonce = new Uint8Array(IV_LENGTH);
    writePacketNonce(nonce, iv, 0, packetNumber);
    expect(Buffer.from(nonce).toString("hex")).toBe("e0459b3474bdd0e46d417eb0");
  });

  it("contains every byte of the path ID and packet number", () => {
    const nonce = new Uint8Array(IV_LENGTH);
    writePacketNonce(nonce, new Uint8Array(IV_LENGTH), 0xa1b2c3d4, 0x1f_2e3d_4c5b_6a79);
    expect(Buffer.from(nonce).toString("hex")).toBe("a1b2c3d4001f2e3d4c5b6a79");
  });
});

describe("the engines agree", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

  it("on sealed bytes and masks for any key, packet number and size", () => {
    const packets = fc.array(
      fc.record({
        header: fc.uint8Array({ minLength: 5, maxLength: 40 }),
        packetNumberOffset: fc.constant(1),
        packetNumber: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        payload: fc.uint8Array({ minLength: 4, maxLength: 200 }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...AEADS),
        bytes(32),
        bytes(IV_LENGTH),
        packets,
        fc.nat({ max: 2 ** 32 - 1 }),
        (aead, longKey, iv, list, pathId) => {
          const key = longKey.subarray(0, KEY_LENGTH[aead]);
          const [first, ...others] = ENGINES.map((engine) => {
            const batch = batchOf(list, 2);
            engine.createPacketKey(aead, key, iv).seal(batch, 0, pathId);
            engine.createHeaderKey(aead, key).mask(batch, 0);
            return batch;
          });
          for (const other of others) {
            expect(other.arena).toEqual(first!.arena);
            for (let i = 0; i < other.count; i += 1) expect(maskBytes(other, i)).toEqual(maskBytes(first!, i));
          }
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it.each(AEADS)("on %s masks for edge-case samples", (aead) => {
    const key = filled(KEY_LENGTH[aead], 21);
    for (const sample of ["00000000", "01000000", "feffffff", "ffffffff"]) {
      const payload = new Uint8Array(Buffer.from(sample + "ff".repeat(28), "hex"));
      const masks = ENGINES.map((engine) => {
        const batch = batchOf([{ header: filled(5, 1), packetNumberOffset: 1, packetNumber: 0, payload }]);
        engine.createHeaderKey(aead, key).mask(batch, 0);
        return maskBytes(batch, 0);
      });
      for (const mask of masks) expect(mask).toEqual(masks[0]);
    }
  });
});
