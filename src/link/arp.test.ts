import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, seconds } from "../base/time.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { formatIpAddress, parseIpAddress } from "../wire/ip-address.ts";
import type { ClaimOptions } from "./address-claim.ts";
import { Arp } from "./arp.ts";
import { ARP_LENGTH, type ArpPacket, emitArp, parseArp } from "./arp-packet.ts";
import { BROADCAST_MAC, formatMac, isUnicastMac, type MacAddress, parseMac, randomMac } from "./mac.ts";

const OWN_MAC = parseMac("02:00:00:00:00:02")!;
const PEER_MAC = parseMac("02:00:00:00:00:01")!;
const OTHER_MAC = parseMac("02:00:00:00:00:99")!;
const address = (text: string): Uint8Array => parseIpAddress(text)!;
const OWN = address("192.0.2.2");
const PEER = address("192.0.2.1");

const emitted = (packet: ArpPacket): string => {
  const bytes = new Uint8Array(ARP_LENGTH);
  emitArp(packet, bytes);
  return toHex(bytes);
};

function station(options: ClaimOptions = {}) {
  const sent: { packet: string; to: string; at: number }[] = [];
  const delivered: string[] = [];
  const failed: string[] = [];
  const claims: string[] = [];
  let now = 0 as Instant;
  const arp = new Arp(
    {
      mac: OWN_MAC,
      sendArp: (packet, to, at) => sent.push({ packet: emitted(packet), to: formatMac(to), at }),
      deliver: (frame, mac) => delivered.push(`${frame[0]} ${formatMac(mac)}`),
      unreachable: (target, frames) => failed.push(`${formatIpAddress(target)} ${frames.length}`),
      isOnLink: (candidate) => candidate[0] === 192 && candidate[3] !== 255 && candidate[3] !== OWN[3],
      onClaim: (claimed, state) => claims.push(`${formatIpAddress(claimed)} ${state}`),
    },
    new SeededRng(1),
  );
  arp.claim(OWN, options, now);
  const advance = (span: number): void => {
    const end = now + span;
    for (let next = arp.nextTimeout(); next !== undefined && next <= end; next = arp.nextTimeout()) {
      now = Math.max(now, next) as Instant;
      arp.handleTimeout(now);
    }
    now = end as Instant;
  };
  const receive = (hex: string, source = PEER_MAC): void => arp.handle(fromHex(hex), source, now);
  const resolve = (target: Uint8Array, mark: number): MacAddress | undefined =>
    arp.neighbours.resolve(target, () => Uint8Array.of(mark), now);
  return { arp, sent, delivered, failed, claims, advance, receive, resolve };
}

/** An established station, after its announcements. */
function settled(options?: ClaimOptions) {
  const world = station(options);
  world.advance(seconds(20));
  world.sent.length = 0;
  return world;
}

const REQUEST = "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202";
const REPLY = "0001 0800 06 04 0002 020000000002 c0000202 020000000001 c0000201";
const PROBE = "0001 0800 06 04 0001 020000000002 00000000 000000000000 c0000202";
const ANNOUNCEMENT = "0001 0800 06 04 0001 020000000002 c0000202 000000000000 c0000202";
const CONFLICT = "0001 0800 06 04 0001 020000000099 c0000202 000000000000 c0000202";
const plain = (hex: string): string => hex.replaceAll(" ", "");

describe("packets", () => {
  test("property: parse(emit(packet)) is the packet, whatever padding follows", () => {
    const mac = fc.integer({ min: 0, max: 2 ** 48 - 1 }) as fc.Arbitrary<MacAddress>;
    const ip = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const packet = fc.record({
      operation: fc.nat(0xffff),
      senderMac: mac,
      senderIp: ip,
      targetMac: mac,
      targetIp: ip,
    });
    fc.assert(
      fc.property(packet, fc.nat(40), (value, padding) => {
        const bytes = new Uint8Array(ARP_LENGTH + padding);
        emitArp(value, bytes);
        expect(parseArp(bytes)).toEqual(value);
      }),
    );
  });

  test("property: any bytes are a packet or nothing", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void parseArp(bytes)));
  });

  test("addresses: text and back, unicast or not", () => {
    expect(formatMac(parseMac("2:0:0:0:0:99")!)).toBe("02:00:00:00:00:99");
    expect(parseMac("02:00:00:00:00")).toBeUndefined();
    expect([BROADCAST_MAC, 0 as MacAddress, parseMac("01:00:5e:00:00:01")!].map(isUnicastMac)).toEqual([
      false,
      false,
      false,
    ]);
    const rng = new SeededRng(2);
    for (let i = 0; i < 100; i += 1) expect(isUnicastMac(randomMac(rng))).toBe(true);
  });
});

describe("RFC 826, packet reception", () => {
  test("a request is answered to the sender alone, and the sender is learned", () => {
    const { receive, sent, arp } = settled();
    receive(REQUEST);
    expect(sent.map(({ packet, to }) => [packet, to])).toEqual([[plain(REPLY), "02:00:00:00:00:01"]]);
    expect(arp.neighbours.get(PEER)).toMatchObject({ state: "STALE", mac: PEER_MAC });
  });

  test("a request for another station updates an entry, but creates none", () => {
    const { receive, sent, arp, advance } = settled();
    const request = REQUEST.replace(/c0000202$/, "c0000207");
    receive(request);
    expect(arp.neighbours.size).toBe(0);
    receive(REQUEST);
    advance(seconds(2));
    receive(request.replaceAll("020000000001", "020000000099"), OTHER_MAC);
    expect(arp.neighbours.get(PEER)!.mac).toBe(OTHER_MAC);
    expect(sent).toHaveLength(1);
  });

  test("a probe is answered, and its sender 0.0.0.0 is not learned", () => {
    const { receive, sent, arp } = settled({ keep: true });
    receive("0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000202");
    expect(sent.map(({ packet }) => packet)).toEqual([plain(REPLY).replace(/c0000201$/, "00000000")]);
    expect(arp.neighbours.size).toBe(0);
  });

  test.each([
    ["16 bytes of protocol address", REQUEST.replace("06 04", "06 10"), PEER_MAC, "malformed"],
    ["27 bytes", REQUEST.slice(0, -2), PEER_MAC, "malformed"],
    ["a group as sender", REQUEST.replaceAll("020000000001", "010000000001"), PEER_MAC, "sender"],
    ["operation 3", REQUEST.replace("0001 020000000001", "0003 020000000001"), PEER_MAC, "operation"],
    ["another sender in the Ethernet header", REQUEST, OTHER_MAC, "spoofed"],
    ["a sender of another subnet", REQUEST.replace("c0000201", "0a000001"), PEER_MAC, "off-link"],
  ] as const)("drops %s", (_, packet, source, reason) => {
    const { receive, sent, arp } = settled();
    receive(packet, source);
    expect(sent).toEqual([]);
    expect(arp.dropped).toEqual({ [reason]: 1 });
  });

  test("an unsolicited reply creates nothing; answers to one sender are limited", () => {
    const { receive, sent, arp } = settled();
    receive("0001 0800 06 04 0002 020000000001 c0000201 020000000002 c0000202");
    expect(arp.neighbours.size).toBe(0);
    for (let i = 0; i < 100; i += 1) receive(REQUEST);
    expect(sent.length).toBe(20);
    expect(arp.dropped.rate).toBe(80);
  });
});

describe("neighbour states", () => {
  const answer = (world: ReturnType<typeof station>): void =>
    world.receive("0001 0800 06 04 0002 020000000001 c0000201 020000000002 c0000202");

  test("INCOMPLETE: packets wait, and leave in order when the answer comes", () => {
    const world = settled();
    expect([1, 2, 3].map((mark) => world.resolve(PEER, mark))).toEqual([undefined, undefined, undefined]);
    expect(world.sent).toMatchObject([{ to: "ff:ff:ff:ff:ff:ff" }]);
    answer(world);
    expect(world.delivered).toEqual(["1", "2", "3"].map((mark) => `${mark} 02:00:00:00:00:01`));
    expect(world.arp.neighbours.get(PEER)!.state).toBe("REACHABLE");
  });

  test("three requests without an answer: FAILED, and no more requests for two seconds", () => {
    const world = settled();
    world.resolve(PEER, 1);
    world.advance(seconds(3));
    expect(world.sent).toHaveLength(3);
    expect(world.failed).toEqual(["192.0.2.1 1"]);
    world.resolve(PEER, 2);
    expect([world.sent.length, world.failed.length]).toEqual([3, 2]);
    world.advance(seconds(3));
    world.resolve(PEER, 3);
    expect(world.sent).toHaveLength(4);
  });

  test("REACHABLE to STALE; its use leads to DELAY and unicast probes; an answer makes it REACHABLE", () => {
    const world = settled();
    world.resolve(PEER, 1);
    answer(world);
    world.sent.length = 0;
    world.advance(seconds(46));
    const state = () => world.arp.neighbours.get(PEER)?.state;
    expect(state()).toBe("STALE");
    expect(world.resolve(PEER, 2)).toBe(PEER_MAC);
    expect(state()).toBe("DELAY");
    world.advance(seconds(5));
    expect(state()).toBe("PROBE");
    expect(world.sent).toMatchObject([{ to: "02:00:00:00:00:01" }]);
    answer(world);
    expect(state()).toBe("REACHABLE");
  });

  test("upper layers confirm without a probe", () => {
    const world = settled();
    world.receive(REQUEST);
    world.sent.length = 0;
    world.resolve(PEER, 1);
    world.arp.neighbours.confirm(PEER, seconds(21) as number as Instant);
    expect(world.arp.neighbours.get(PEER)!.state).toBe("REACHABLE");
    world.advance(seconds(6));
    expect(world.sent).toEqual([]);
  });

  test("the number of waiting packets and of entries is bounded", () => {
    const world = settled();
    for (let i = 0; i < 100; i += 1) world.resolve(PEER, i);
    answer(world);
    expect(world.delivered).toHaveLength(64);
    expect(world.arp.neighbours.overflows).toBe(36);
    for (let i = 0; i < 5_000; i += 1) world.resolve(Uint8Array.of(192, 0, i >> 8, i & 0xff), 1);
    expect(world.arp.neighbours.size).toBe(1_024);
  });

  test("a configured entry is never replaced", () => {
    const world = settled();
    world.arp.neighbours.setPermanent(PEER, OTHER_MAC, 0 as Instant);
    world.receive(REQUEST);
    expect(world.arp.neighbours.get(PEER)).toMatchObject({ state: "PERMANENT", mac: OTHER_MAC });
  });
});

describe("RFC 5227", () => {
  test("a configured address is announced twice, two seconds apart", () => {
    const { sent, advance } = station();
    advance(seconds(10));
    expect(sent.map(({ packet, at }) => [packet, at])).toEqual([
      [plain(ANNOUNCEMENT), 0],
      [plain(ANNOUNCEMENT), 2e6],
    ]);
  });

  test("three probes, 1 to 2 s apart, then the address is ours 2 s after the last", () => {
    const { sent, claims, advance, receive } = station({ probe: true });
    advance(seconds(1));
    receive(REQUEST);
    advance(seconds(9));
    expect(sent.map(({ packet }) => packet)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT].map(plain));
    const [first, second, third, announced] = sent.map(({ at }) => at) as [number, number, number, number];
    expect(first).toBeLessThanOrEqual(1e6);
    for (const gap of [second - first, third - second]) {
      expect(gap).toBeGreaterThanOrEqual(1e6);
      expect(gap).toBeLessThanOrEqual(2e6);
    }
    expect(announced - third).toBe(2e6);
    expect(claims).toEqual(["192.0.2.2 owned"]);
  });

  test.each([
    ["a sender has it", CONFLICT],
    ["another station probes for it", "0001 0800 06 04 0001 020000000099 00000000 000000000000 c0000202"],
  ])("while probing, %s: the address is given up", (_, packet) => {
    const { claims, advance, receive, sent } = station({ probe: true });
    advance(seconds(1));
    receive(packet, OTHER_MAC);
    const before = sent.length;
    advance(seconds(20));
    expect(claims).toEqual(["192.0.2.2 lost"]);
    expect(sent.length).toBe(before);
  });

  test("a conflict is answered with one announcement in ten seconds", () => {
    const { sent, receive, advance, arp } = settled();
    receive(CONFLICT, OTHER_MAC);
    receive(CONFLICT, OTHER_MAC);
    expect(sent.map(({ packet }) => packet)).toEqual([plain(ANNOUNCEMENT)]);
    advance(seconds(10));
    receive(CONFLICT, OTHER_MAC);
    expect(sent).toHaveLength(2);
    expect(arp.neighbours.size).toBe(0);
  });

  test("without `keep`, the second conflict in ten seconds costs the address", () => {
    const { receive, claims, sent } = settled({ keep: false });
    receive(CONFLICT, OTHER_MAC);
    receive(CONFLICT, OTHER_MAC);
    expect(claims).toEqual(["192.0.2.2 lost"]);
    sent.length = 0;
    receive(REQUEST);
    expect(sent).toEqual([]);
  });
});
