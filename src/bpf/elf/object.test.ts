// Objects as clang writes them: maps, relocations, line information, and files that are not what they seem.
import { describe, expect, test } from "vitest";
import { objectBytes } from "../../../test/vectors/bpf/objects.ts";
import { SeededRng } from "../../base/rng.ts";
import { BpfError } from "../errors.ts";
import { loadObject, Machine } from "../machine/index.ts";
import type { RingBuffer } from "../maps/index.ts";
import { ipv4Packet, mixedPackets } from "../testing/packets.ts";
import { parseObject } from "./index.ts";

const u16 = (value: number): Uint8Array => Uint8Array.of(value, value >> 8);
const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >> 8, value >> 16, value >>> 24);
const number = (bytes: Uint8Array | undefined): number => new DataView(bytes!.buffer).getUint32(0, true);

function open(name: string) {
  const machine = new Machine();
  const programs = loadObject(machine, parseObject(objectBytes(name)));
  const run = (packet: Uint8Array, program = [...programs.keys()].at(-1)!) =>
    machine.run(programs.get(program)!, { packet });
  return { machine, programs, run };
}

describe("programs of examples/bpf", () => {
  test("the firewall drops what its map lists, and counts verdicts", () => {
    const { machine, run } = open("firewall");
    expect(run(ipv4Packet()).low).toBe(2);
    machine.map("blocked").set(u16(53), new Uint8Array(8));
    expect(run(ipv4Packet()).low).toBe(1);
    expect(run(ipv4Packet({ destinationPort: 80 })).low).toBe(2);
    expect(run(ipv4Packet().slice(0, 40)).low).toBe(1);
    expect(number(machine.map("blocked").get(u16(53)))).toBe(1);
    expect([1, 2].map((verdict) => number(machine.map("verdicts").get(u32(verdict))))).toEqual([2, 2]);
  });

  test("the balancer keeps a flow on its backend, and mends the checksum", () => {
    const { machine, run } = open("balancer");
    const backends = machine.map("backends");
    for (let i = 0; i < 4; i += 1) backends.set(u32(i), Uint8Array.of(192, 0, 2, i + 1, 2, 0, 0, 0, 1, i, 0, 0));
    const first = run(ipv4Packet());
    expect(first.low).toBe(3);
    expect(run(ipv4Packet()).packet).toEqual(first.packet);
    const ports = Array.from({ length: 64 }, (_, port) => run(ipv4Packet({ sourcePort: port })).packet[33]!);
    expect(new Set(ports)).toEqual(new Set([1, 2, 3, 4]));
    const after = run(ipv4Packet({ sourcePort: 9 })).packet;
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += (after[at]! << 8) | after[at + 1]!;
    expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
    // A global variable.
    expect(number(machine.map(".bss").get(u32(0)))).toBe(67);
  });

  test("the router takes the longest prefix", () => {
    const { machine, run } = open("router");
    const hop = (port: number) => Uint8Array.of(2, 0, 0, 0, 1, port, 2, 0, 0, 0, 0, port, port, 0, 0, 0);
    const route = (bits: number, ...address: number[]) => Uint8Array.of(bits, 0, 0, 0, ...address);
    const routes = machine.map("routes");
    expect(run(ipv4Packet()).low).toBe(1);
    routes.set(route(8, 10, 0, 0, 0), hop(1));
    routes.set(route(24, 10, 0, 0, 0), hop(2));
    const near = run(ipv4Packet()).packet;
    expect([near[5], near[22]]).toEqual([2, 63]);
    expect(run(ipv4Packet({ destination: 0x0a01_0001 })).packet[5]).toBe(1);
    expect(run(ipv4Packet({ destination: 0x0b00_0001 })).low).toBe(1);
    expect(number(machine.map("forwarded").get(u32(2)))).toBe(1);
  });

  test("the parser walks tags, options and extension headers to the end", () => {
    const { machine, run } = open("parser");
    const verdicts = mixedPackets(300, 1).map((packet) => run(packet).low);
    expect(new Set(verdicts)).toEqual(new Set([1, 2, 3]));
    expect([1, 17, 60].every((option) => number(machine.map("seen").get(u32(option))) > 0)).toBe(true);
  });

  test("tail calls reach the programs of the array, and fall through if there is none", () => {
    const { machine, run } = open("dispatch");
    expect(run(ipv4Packet({ protocol: 17 })).low).toBe(3);
    expect(run(ipv4Packet({ protocol: 6 })).low).toBe(2);
    expect([0, 1, 2].map((index) => number(machine.map("handled").get(u32(index))))).toEqual([1, 1, 1]);
  });

  test("events arrive in the ring buffer, and discarded ones do not", () => {
    const { machine, run } = open("events");
    const ring = machine.map("events") as RingBuffer;
    run(ipv4Packet({ protocol: 6, sourcePort: 7 }));
    run(ipv4Packet({ protocol: 6, tcpFlags: 0x10 }));
    const events = [...ring.drain()];
    expect(events).toHaveLength(1);
    expect(new DataView(events[0]!.buffer).getUint16(8)).toBe(7);
    // A ring that nobody drains fills up: less than 4096 bytes hold 127 records of 24 + 8 bytes.
    const verdicts = Array.from({ length: 200 }, () => run(ipv4Packet({ protocol: 6 })).low);
    expect(verdicts.filter((verdict) => verdict === 2)).toHaveLength(127);
    expect([...ring.drain()]).toHaveLength(127);
  });
});

test("knows the line of C of each instruction", () => {
  const [program] = parseObject(objectBytes("firewall")).programs;
  const lines = program!.code.map((_, pc) => program!.lineAt(pc));
  expect(lines.every((line) => line?.file.endsWith("firewall.c") || line?.file.endsWith("bpf.h"))).toBe(true);
  expect(lines.some((line) => line!.text.includes("bpf_map_lookup_elem(&blocked, &port)"))).toBe(true);
});

describe("malformed objects", () => {
  const good = objectBytes("balancer");

  test.each([
    ["nothing", new Uint8Array(0)],
    ["text", new TextEncoder().encode("r0 = 1\nexit\n".repeat(10))],
    ["another machine", good.with(18, 62)],
    ["class 32", good.with(4, 1)],
    ["sections outside of the file", good.slice(0, 5000)],
  ])("refuses %s", (_what, bytes) => {
    expect(() => parseObject(bytes)).toThrow(BpfError);
  });

  test("refuses sections of zeroes that have too many bytes together", () => {
    const count = 20;
    const bytes = new Uint8Array(64 + count * 64);
    bytes.set(good.subarray(0, 64));
    const view = new DataView(bytes.buffer);
    view.setBigUint64(40, 64n, true);
    view.setUint16(60, count, true);
    view.setUint16(62, 0, true);
    for (let index = 1; index < count; index += 1) {
      view.setUint32(64 + index * 64 + 4, 8, true);
      view.setBigUint64(64 + index * 64 + 32, 1n << 19n, true);
    }
    expect(() => parseObject(bytes)).toThrow("zero bytes");
  });

  test("any changed bytes give an object or a BpfError, never another exception", () => {
    const rng = new SeededRng(5);
    let refused = 0;
    for (let round = 0; round < 250; round += 1) {
      const bytes = good.slice();
      for (let i = rng.uint32() % 6; i >= 0; i -= 1) bytes[rng.uint32() % bytes.length] = rng.uint32();
      try {
        loadObject(new Machine({ memoryLimit: 1 << 22 }), parseObject(bytes));
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});
