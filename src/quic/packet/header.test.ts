import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { RFC9001_PACKETS } from "../../crypto/testing/rfc9001.ts";
import { fromHex } from "../../wire/hex.ts";
import { concat } from "../../wire/text.ts";
import { preferredVersion } from "../versions/index.ts";
import { parsePacketHeader } from "./header.ts";

const V1 = fromHex("00000001");
const idOf = (length: number): Uint8Array => new Uint8Array(length).fill(0xc1);
const lengthAndId = (id: Uint8Array): Uint8Array => concat(Uint8Array.of(id.length), id);
const long = (first: number, version: Uint8Array, dcid: Uint8Array, scid: Uint8Array, rest: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(first), version, lengthAndId(dcid), lengthAndId(scid), rest);
const parse = (bytes: Uint8Array, idLength = 8) => parsePacketHeader(bytes, 0, bytes.length, idLength);

describe("parsePacketHeader", () => {
  it("reads the client Initial of RFC 9001 §A.2", () => {
    const header = parse(RFC9001_PACKETS[0]!.protected)!;
    expect(header.form).toBe("initial");
    expect(header.version).toBe(preferredVersion);
    expect(header.destination).toEqual(fromHex("8394c8f03e515708"));
    expect(header.source).toHaveLength(0);
    expect(header.token).toHaveLength(0);
    expect(header.packetNumberOffset).toBe(18);
    expect(header.end).toBe(1200);
  });

  it("reads the shortest possible 1-RTT packet, RFC 9001 §A.5", () => {
    const packet = RFC9001_PACKETS[2]!.protected;
    const header = parse(packet, 0)!;
    expect(header.form).toBe("one-rtt");
    expect(header.destination).toHaveLength(0);
    expect(header.packetNumberOffset).toBe(1);
    expect(header.end).toBe(21);
    expect(parsePacketHeader(packet, 0, 20, 0)).toBeUndefined();
  });

  it("finds the coalesced packet that follows (RFC 9000 §12.2)", () => {
    const first = long(0xe0, V1, idOf(4), idOf(3), concat(fromHex("4014"), new Uint8Array(20)));
    const second = concat(Uint8Array.of(0x40), idOf(4), new Uint8Array(30));
    const datagram = concat(fromHex("0000"), first, second);
    const handshake = parsePacketHeader(datagram, 2, datagram.length, 4)!;
    expect(handshake).toMatchObject({ form: "handshake", start: 2, end: 2 + first.length });
    const oneRtt = parsePacketHeader(datagram, handshake.end, datagram.length, 4)!;
    expect(oneRtt).toMatchObject({ form: "one-rtt", end: datagram.length });
    expect(oneRtt.destination).toEqual(idOf(4));
    expect(oneRtt.source).toHaveLength(0);
  });

  it("tells the four long packet types apart (RFC 9000 §17.2, Table 5)", () => {
    const body = concat(fromHex("14"), new Uint8Array(20));
    expect(parse(long(0xc0, V1, idOf(8), idOf(8), concat(fromHex("00"), body)))?.form).toBe("initial");
    expect(parse(long(0xd0, V1, idOf(8), idOf(8), body))?.form).toBe("zero-rtt");
    expect(parse(long(0xe0, V1, idOf(8), idOf(8), body))?.form).toBe("handshake");
    expect(parse(long(0xf0, V1, idOf(8), idOf(8), body))?.form).toBe("retry");
  });

  it("drops a packet of version 1 without the Fixed Bit", () => {
    const body = concat(fromHex("14"), new Uint8Array(20));
    expect(parse(long(0xa0, V1, idOf(8), idOf(8), body))).toBeUndefined();
    expect(parse(concat(Uint8Array.of(0x00), new Uint8Array(40)))).toBeUndefined();
  });

  it("drops connection ids of more than 20 bytes in version 1, but accepts them in unknown versions", () => {
    const body = concat(fromHex("14"), new Uint8Array(20));
    expect(parse(long(0xe0, V1, idOf(20), idOf(20), body))?.form).toBe("handshake");
    expect(parse(long(0xe0, V1, idOf(21), idOf(0), body))).toBeUndefined();
    expect(parse(long(0xe0, V1, idOf(0), idOf(21), body))).toBeUndefined();
    const unknown = parse(long(0x80, fromHex("fafafafa"), idOf(255), idOf(254), fromHex("abcd")))!;
    expect(unknown.form).toBe("unknown-version");
    expect(unknown.version).toBe(0xfafafafa);
    expect(unknown.destination).toHaveLength(255);
    expect(unknown.source).toHaveLength(254);
  });

  it("drops a packet whose Length leaves no room for a sample, or exceeds the datagram", () => {
    const handshake = (length: number, bytes: number) =>
      parse(long(0xe0, V1, idOf(8), idOf(8), concat(Uint8Array.of(length), new Uint8Array(bytes))));
    expect(handshake(20, 20)?.form).toBe("handshake");
    expect(handshake(19, 20)).toBeUndefined();
    expect(handshake(21, 20)).toBeUndefined();
    expect(handshake(20, 0)).toBeUndefined();
  });

  it("reads an Initial's token, and drops one that exceeds the datagram", () => {
    const initial = (rest: string) =>
      parse(long(0xc0, V1, idOf(8), idOf(0), concat(fromHex(rest), new Uint8Array(20))));
    expect(initial("03 aabbcc 14")?.token).toEqual(fromHex("aabbcc"));
    expect(initial("ffffffffffffffff 14")).toBeUndefined();
    expect(initial("40")).toBeUndefined();
  });

  it("reads Retry's token and tag, and drops an empty token (RFC 9000 §17.2.5.2)", () => {
    const tag = new Uint8Array(16).fill(0xee);
    const header = parse(long(0xf0, V1, idOf(0), idOf(8), concat(fromHex("746f6b656e"), tag)))!;
    expect(header.form).toBe("retry");
    expect(header.token).toEqual(fromHex("746f6b656e"));
    expect(header.integrityTag).toEqual(tag);
    expect(parse(long(0xf0, V1, idOf(0), idOf(8), tag))).toBeUndefined();
    expect(parse(long(0xf0, V1, idOf(0), idOf(8), tag.subarray(1)))).toBeUndefined();
  });

  it("reads the versions of Version Negotiation with or without the Fixed Bit, and drops an invalid list", () => {
    const negotiation = (list: string) => parse(long(0x80, fromHex("00000000"), idOf(0), idOf(30), fromHex(list)));
    expect(negotiation("00000001 6b3343cf fafafafa")).toMatchObject({
      form: "version-negotiation",
      versions: [1, 0x6b3343cf, 0xfafafafa],
    });
    expect(negotiation("")).toBeUndefined();
    expect(negotiation("0000000100")).toBeUndefined();
  });

  it("drops every truncated packet", () => {
    const body = concat(fromHex("03aabbcc 4020"), new Uint8Array(32));
    const packets = [
      long(0xc0, V1, idOf(8), idOf(5), body),
      long(0xe0, V1, idOf(8), idOf(5), body.subarray(4)),
      long(0x80, fromHex("00000000"), idOf(8), idOf(5), V1),
      concat(Uint8Array.of(0x40), idOf(8), new Uint8Array(20)),
    ];
    for (const packet of packets) {
      expect(parse(packet)).toBeDefined();
      for (let end = 0; end < packet.length; end += 1) expect(parsePacketHeader(packet, 0, end, 8)).toBeUndefined();
    }
  });

  it("returns a header within the datagram, or nothing, for any bytes", () => {
    const start = fc.constantFrom("", "c000000001", "e000000001", "f000000001", "8000000000", "cafafafafa", "40");
    fc.assert(
      fc.property(
        start,
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 0, max: 20 }),
        (prefix, tail, idLength) => {
          const bytes = concat(fromHex(prefix), tail);
          const header = parsePacketHeader(bytes, 0, bytes.length, idLength);
          if (header === undefined) return;
          expect(header.end).toBeLessThanOrEqual(bytes.length);
          expect(header.end).toBeGreaterThan(0);
          expect(header.packetNumberOffset).toBeLessThanOrEqual(header.end);
          if (header.form === "initial" || header.form === "handshake" || header.form === "one-rtt") {
            expect(header.end - header.packetNumberOffset).toBeGreaterThanOrEqual(20);
          }
        },
      ),
      { numRuns: runs(2_000) },
    );
  });
});
