import fc from "fast-check";
import { expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, millis } from "../base/time.ts";
import { createCable, createHub } from "./cable.ts";
import type { LinkDevice } from "./device.ts";
import { FaultInjector } from "./fault-injector.ts";
import { interfaceDescription, LinkType, packetBlock, readPcapng, sectionHeader } from "./pcapng.ts";
import { Tracer } from "./tracer.ts";

const NOW = 0 as Instant;
const frame = (mark: number, length = 60): Uint8Array => new Uint8Array(length).fill(mark);

function collect(device: LinkDevice): number[] {
  const marks: number[] = [];
  device.onFrame = (received) => marks.push(received[0]!);
  return marks;
}

const settle = (devices: readonly LinkDevice[], until = 1e9): void => {
  for (;;) {
    const due = devices.map((device) => device.nextTimeout()).filter((at) => at !== undefined && at <= until);
    if (due.length === 0) return;
    for (const device of devices) device.handleTimeout(Math.max(...(due as number[])) as Instant);
  }
};

test("a hub repeats a frame to all other ports, later", () => {
  const ports = createHub(3);
  const received = ports.map(collect);
  ports[1]!.transmit(frame(7), NOW);
  expect(received.flat()).toEqual([]);
  settle(ports);
  expect(received).toEqual([[7], [], [7]]);
  ports[0]!.close();
  expect(ports[0]!.transmit(frame(8), NOW)).toBe(false);
});

test("a port keeps a bounded number of frames", () => {
  const [a, b] = createCable();
  const received = collect(b);
  for (let i = 0; i < 10_000; i += 1) a.transmit(frame(1), NOW);
  settle([a, b]);
  expect(received).toHaveLength(4_096);
});

test("devices wrap devices: a trace of what a fault injector lost", () => {
  const [a, b] = createCable();
  const seen: string[] = [];
  const lossy = new FaultInjector(a, { outbound: { dropList: [2], delay: millis(5) } }, new SeededRng(1));
  const device = new Tracer(lossy, (direction, { 0: mark }) => seen.push(`${direction} ${mark}`));
  const [inbound, outbound] = [collect(device), collect(b)];
  for (const mark of [1, 2, 3]) device.transmit(frame(mark), NOW);
  b.transmit(frame(9), NOW);
  settle([device, b], 4_999);
  expect([outbound, inbound]).toEqual([[], [9]]);
  settle([device, b]);
  expect(outbound).toEqual([1, 3]);
  expect(seen).toEqual(["out 1", "out 2", "out 3", "in 9"]);
  expect(lossy.dropped).toEqual({ "drop-list": 1 });
});

test("property: a capture file holds the packets that were written, wherever it is cut", () => {
  const packet = fc.record({ time: fc.nat(2 ** 31 - 1), bytes: fc.uint8Array({ maxLength: 90 }) });
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 8 }), fc.nat(), (packets, cut) => {
      const blocks = [
        sectionHeader(),
        interfaceDescription(LinkType.ethernet, "tap0"),
        ...packets.map(({ time, bytes }) => packetBlock((time * 1_000_000) as Instant, bytes, 0, "a note")),
      ];
      const file = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
      blocks.reduce((at, block) => {
        file.set(block, at);
        return at + block.length;
      }, 0);
      const whole = readPcapng(file);
      expect(whole.isTruncated).toBe(false);
      expect(whole.packets.map(({ time, bytes }) => ({ time: time / 1e6, bytes: Uint8Array.from(bytes) }))).toEqual(
        packets,
      );
      expect(whole.packets.every(({ linkType }) => linkType === LinkType.ethernet)).toBe(true);
      const part = readPcapng(file.subarray(0, 12 + (cut % (file.length - 11))));
      expect(part.packets.length).toBeLessThanOrEqual(packets.length);
    }),
  );
});

test("property: bytes that are not a capture are refused or read without failure", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const file = Uint8Array.from([...sectionHeader(), ...interfaceDescription(LinkType.rawIp), ...bytes]);
      expect(readPcapng(file).packets.length).toBeLessThan(20);
      expect(() => readPcapng(bytes)).toThrow(SyntaxError);
    }),
  );
});
