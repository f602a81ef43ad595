/** The layout, byte for byte, in both directions; what contradicts itself is refused. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import { packetBytes } from "./emit.ts";
import { FlowPacketError } from "./errors.ts";
import { parsePacket } from "./parse.ts";
import { FLOW_KINDS, type FlowPacket, MAX_PATH, NO_DEADLINE, PacketFlag, type Unit } from "./types.ts";

const whole = { isFirst: true, isLast: true, fragment: 0 };
const ABC: Unit = {
  type: "datagram",
  flow: 2,
  part: { message: 7, ...whole, deadline: 50, priority: 1 },
  isDiscardable: false,
  payload: utf8("abc"),
};
const HEAD = { flags: 0, sequence: 1, timestamp: 62 };
const HEADER = "1000 01 04 0001 0000 00000001 0000003e";

/** Units, and what they are behind the header of a packet with one unit. */
const VECTORS: readonly (readonly [Unit, string])[] = [
  [ABC, "02 05 0000 0003 00 06 00000002 00000007 0032 01 00 616263"],
  [
    { type: "datagram", flow: 3, part: undefined, isDiscardable: true, payload: utf8("x") },
    "01 03 0000 0001 00 0e 00000003 78",
  ],
  [
    {
      type: "stream",
      flow: 4,
      isStateful: true,
      offset: 0x1_0000_0005,
      deadline: NO_DEADLINE,
      priority: 200,
      isFin: true,
      payload: utf8("yz"),
    },
    "04 06 0000 0002 00 01 00000004 00000001 00000005 ffff c8 00 797a",
  ],
  [
    {
      type: "stream",
      flow: 4,
      isStateful: false,
      offset: 9,
      deadline: NO_DEADLINE,
      priority: 0,
      isFin: false,
      payload: utf8("q"),
    },
    "03 04 0000 0001 00 00 00000004 00000009 71",
  ],
  [
    { type: "open", flow: 6, kind: "stateful-stream", priority: 3, period: 10, maxUnit: 1_000, cost: 250 },
    "10 06 0000 0000 00 00 00000006 04 03 000a 000003e8 000000fa",
  ],
  [
    {
      type: "open",
      flow: 6,
      kind: "stateful-stream",
      priority: 3,
      period: 10,
      maxUnit: 1_000,
      cost: 250,
      chain: { origin: "00112233445566aa", number: 5, base: 0x1_0000_0002 },
    },
    "10 0b 0000 0000 00 00 00000006 04 03 000a 000003e8 000000fa 00112233445566aa 00000005 00000001 00000002",
  ],
  [
    { type: "confirm", flow: 6, end: 0x1_0000_0009, late: 3, isFin: true, runs: [0, 2, 1, 6] },
    "17 08 0000 0000 00 01 00000006 00000001 00000009 00000003 0000 0002 0001 0006",
  ],
  [{ type: "close", flow: 6, code: 4 }, "11 04 0000 0000 00 00 00000006 0004 0000"],
  [{ type: "pause", flow: 0, until: 0 }, "12 04 0000 0000 00 00 00000000 00000000"],
  [{ type: "resume", flow: 6, rate: 125_000 }, "13 04 0000 0000 00 00 00000006 0001e848"],
  [
    { type: "grant", flow: 6, bytes: 3_000, start: 0, window: 40 },
    "16 06 0000 0000 00 00 00000006 00000bb8 00000000 0028 0000",
  ],
];

const hex = (text: string): string => text.replaceAll(" ", "");

test.each(VECTORS)("%j", (unit, expected) => {
  const bytes = packetBytes(HEAD, [unit]);
  expect(toHex(bytes)).toBe(hex(`${HEADER} ${expected}`));
  expect(parsePacket(bytes)).toEqual({ ...HEAD, path: [], units: [unit], corrupt: 0 });
});

test("acknowledgements and reports say that they are feedback", () => {
  const ack: Unit = { type: "ack", largest: 9, delay: 16, runs: [0, 3, 1, 2] };
  const resource: Unit = { type: "resource", link: 1_000_000, cpuFree: 500, queue: 12, memory: 4_096 };
  const bytes = packetBytes(HEAD, [ack, resource]);
  expect(toHex(bytes)).toBe(
    hex(
      "1004 01 04 0002 0000 00000001 0000003e 14 06 0000 0000 15 00 00000009 00000010 0000 0003 0001 0002" +
        "15 05 0000 0000 00 00 000f4240 01f4 000c 00001000",
    ),
  );
  expect(parsePacket(bytes).units).toEqual([ack, resource]);
});

test("a packet names the relays that it passed", () => {
  const bytes = packetBytes({ ...HEAD, path: [0xaabbccdd, 5] }, []);
  expect(toHex(bytes)).toBe(hex("1000 02 06 0000 0000 00000001 0000003e aabbccdd 00000005"));
  expect(parsePacket(bytes).path).toEqual([0xaabbccdd, 5]);
});

test("a unit with a wrong checksum is dropped, and the others are not", () => {
  const bytes = packetBytes(HEAD, [ABC, { type: "close", flow: 6, code: 4 }], { hasChecksums: true });
  expect(parsePacket(bytes).units).toHaveLength(2);
  bytes[bytes.length - 17]! ^= 1; // "abc"
  const packet = parsePacket(bytes);
  expect([packet.units.map((each) => each.type), packet.corrupt]).toEqual([["close"], 1]);
});

test("units of unknown types are skipped", () => {
  const bytes = fromHex(
    hex(
      "1000 01 04 0002 0000 00000001 0000003e 7f 03 0000 0002 11 00 01020304 aaaa 11 04 0000 0000 00 00 00000006 0004 0000",
    ),
  );
  expect(parsePacket(bytes).units).toEqual([
    { type: "unknown", code: 0x7f },
    { type: "close", flow: 6, code: 4 },
  ]);
});

describe("refused", () => {
  const CLOSE = "11 04 0000 0000 00 00 00000006 0004 0000";
  test.each([
    ["nothing", "", "header"],
    ["another version", "2000 01 04 0000 0000 00000001 0000003e", "version"],
    ["another type of header", "1000 07 04 0000 0000 00000001 0000003e", "version"],
    ["a header longer than the packet", "1000 02 ff 0000 0000 00000001 0000003e", "header"],
    ["a header too short", "1000 01 03 0000 0000 00000001 0000003e", "header"],
    ["relays in a header without", "1000 01 05 0000 0000 00000001 0000003e 00000001", "header"],
    [
      "more relays than a way has",
      `1000 02 ${(4 + MAX_PATH + 1).toString(16)} 0000 0000 00000001 0000003e ${"00000001".repeat(MAX_PATH + 1)}`,
      "path",
    ],
    ["more units announced than there are", `1000 01 04 0002 0000 00000001 0000003e ${CLOSE}`, "flow-count"],
    [
      "fewer units announced",
      `1000 01 04 0001 0000 00000001 0000003e ${CLOSE.replace("00 00 00000006", "11 00 00000006")} ${CLOSE}`,
      "flow-count",
    ],
    [
      "another type than announced",
      `1000 01 04 0002 0000 00000001 0000003e ${CLOSE.replace("00 00 00000006", "12 00 00000006")} ${CLOSE}`,
      "chain",
    ],
    ["bytes after the chain", `${HEADER} ${CLOSE} 00`, "chain"],
    ["a unit of type 0", `${HEADER} ${CLOSE.replace("11", "00")}`, "chain"],
    ["a payload past the end", `${HEADER} 01 03 0000 0002 00 06 00000003 78`, "unit"],
    ["a header shorter than the type's", `${HEADER} 01 02 0000 0000 00 06`, "unit"],
    ["data of flow 0", `${HEADER} 01 03 0000 0001 00 06 00000000 78`, "value"],
    ["a kind that does not exist", `${HEADER} 10 06 0000 0000 00 00 00000006 05 03 000a 000003e8 000000fa`, "value"],
    ["an offset that no stream has", `${HEADER} 04 06 0000 0000 00 00 00000004 ffffffff 00000005 ffff c8 00`, "value"],
    ["a first fragment that is not", `${HEADER} 02 05 0000 0003 00 02 00000002 00000007 0032 01 01 616263`, "value"],
  ])("%s", (_name, given, fault) => {
    expect(() => parsePacket(fromHex(hex(given)))).toThrow(expect.objectContaining({ name: "FlowPacketError", fault }));
  });

  test("padding is ignored where it is announced", () => {
    expect(parsePacket(fromHex(hex(`1002 01 04 0001 0000 00000001 0000003e ${CLOSE} 0000`))).units).toHaveLength(1);
  });
});

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const payload = fc.uint8Array({ maxLength: 40 });
const flow = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const part = fc
  .record({ message: uint(32), fragment: uint(8), isLast: fc.boolean(), deadline: uint(16), priority: uint(8) })
  .map((given) => ({ ...given, isFirst: given.fragment === 0 }));
const chain = fc.record({
  origin: fc.uint8Array({ minLength: 8, maxLength: 8 }).map(toHex),
  number: uint(32),
  base: fc.maxSafeNat(),
});
const unit: fc.Arbitrary<Unit> = fc.oneof(
  fc.record({
    type: fc.constant("datagram" as const),
    flow,
    part: fc.option(part, { nil: undefined }),
    isDiscardable: fc.boolean(),
    payload,
  }),
  fc.record({
    type: fc.constant("stream" as const),
    flow,
    isStateful: fc.constant(true),
    offset: fc.maxSafeNat().map((n) => Math.floor(n / 2)),
    deadline: uint(16),
    priority: uint(8),
    isFin: fc.boolean(),
    payload,
  }),
  fc.record({
    type: fc.constant("stream" as const),
    flow,
    isStateful: fc.constant(false),
    offset: uint(32),
    deadline: fc.constant(NO_DEADLINE),
    priority: fc.constant(0),
    isFin: fc.boolean(),
    payload,
  }),
  fc.record({
    type: fc.constant("open" as const),
    flow,
    kind: fc.constantFrom(...FLOW_KINDS),
    priority: uint(8),
    period: uint(16),
    maxUnit: uint(32),
    cost: uint(32),
    chain: fc.option(chain, { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("confirm" as const),
    flow,
    end: fc.maxSafeNat(),
    late: uint(32),
    isFin: fc.boolean(),
    runs: fc.array(fc.tuple(uint(16), uint(16)), { maxLength: 20 }).map((pairs) => pairs.flat()),
  }),
  fc.record({ type: fc.constant("close" as const), flow: uint(32), code: uint(16) }),
  fc.record({ type: fc.constant("pause" as const), flow: uint(32), until: uint(32) }),
  fc.record({ type: fc.constant("resume" as const), flow: uint(32), rate: uint(32) }),
  fc.record({
    type: fc.constant("ack" as const),
    largest: uint(32),
    delay: uint(32),
    runs: fc.array(fc.tuple(uint(16), uint(16)), { maxLength: 20 }).map((pairs) => pairs.flat()),
  }),
  fc.record({
    type: fc.constant("resource" as const),
    link: uint(32),
    cpuFree: uint(16),
    queue: uint(16),
    memory: uint(32),
  }),
  fc.record({ type: fc.constant("grant" as const), flow, bytes: uint(32), start: uint(32), window: uint(16) }),
);

test("every packet comes back as it was", () => {
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 8 }),
      fc.array(uint(32), { maxLength: MAX_PATH }),
      uint(32),
      uint(32),
      fc.boolean(),
      (units, path, sequence, timestamp, hasChecksums) => {
        const packet: FlowPacket = parsePacket(
          packetBytes({ flags: PacketFlag.ackRequested, sequence, timestamp, path }, units, { hasChecksums }),
        );
        expect(packet).toEqual({ flags: packet.flags, sequence, timestamp, path, units, corrupt: 0 });
      },
    ),
  );
});

test("whatever the bytes, a packet is read or refused", () => {
  fc.assert(
    fc.property(
      fc.array(unit, { maxLength: 4 }),
      fc.array(fc.tuple(fc.nat(300), uint(8)), { maxLength: 6 }),
      (units, changes) => {
        const bytes = packetBytes(HEAD, units);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          parsePacket(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FlowPacketError);
        }
      },
    ),
  );
});
