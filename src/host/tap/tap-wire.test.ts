import { describe, expect, test } from "vitest";
import { micros, millis } from "../../base/time.ts";
import { ManualClock } from "../relay/testing/manual-clock.ts";
import { FRAMES } from "./frame.ts";
import type { FrameDevice } from "./tap-device.ts";
import { TapWire, type TapWireOptions } from "./tap-wire.ts";

class FakeDevice implements FrameDevice {
  readonly name: string;
  onFrame: FrameDevice["onFrame"];
  onFault: FrameDevice["onFault"];
  readonly sent: number[] = [];
  isUp = true;
  isClosed = false;

  constructor(name: string) {
    this.name = name;
  }

  send(frame: Uint8Array): boolean {
    if (this.isUp) this.sent.push(frame[0]!);
    return this.isUp;
  }

  close(): void {
    this.isClosed = true;
  }
}

function open(options: TapWireOptions) {
  const clock = new ManualClock();
  const [first, second] = [new FakeDevice("a"), new FakeDevice("b")];
  const wire = new TapWire(first, second, { clock, ...options });
  /** The device's buffer is reused for the next frame. */
  const buffer = new Uint8Array(1_514);
  const emit = (device: FakeDevice, number: number, length = 1_000) => {
    buffer[0] = number;
    device.onFrame!(buffer.subarray(0, length));
  };
  return { clock, first, second, wire, emit };
}

describe("a wire between two interfaces", () => {
  test("delays each direction, at its rate", () => {
    const { clock, first, second, emit } = open({ up: { delay: millis(5), rate: 8e6 }, down: { delay: millis(2) } });
    emit(first, 1);
    emit(first, 2);
    emit(second, 3);
    clock.advance(millis(2));
    expect([first.sent, second.sent]).toEqual([[3], []]);
    clock.advance(millis(4));
    expect(second.sent).toEqual([1]);
    clock.advance(millis(1));
    expect(second.sent).toEqual([1, 2]);
  });

  test("drops by number and by size, and changes while it runs", () => {
    const { first, second, wire, emit } = open({ up: { dropList: [2], mtu: 1_400 } });
    for (const [number, length] of [
      [1, 1_414],
      [2, 100],
      [3, 1_415],
      [4, 100],
    ] as const) {
      emit(first, number, length);
    }
    expect(second.sent).toEqual([1, 4]);
    expect(wire.up.dropped).toMatchObject({ mtu: 1, "drop-list": 1 });
    wire.change("up", { loss: 1 });
    emit(first, 5);
    expect(wire.up.dropped.loss).toBe(1);
  });

  test("loses what a filter does not let pass", () => {
    const seen: [string, number][] = [];
    const { first, second, emit } = open({
      passes: (direction, frame) => {
        seen.push([direction, frame[0]!]);
        return frame[0] !== 2;
      },
    });
    for (const number of [1, 2, 3]) emit(first, number);
    emit(second, 2);
    expect([second.sent, first.sent]).toEqual([[1, 3], []]);
    expect(seen).toEqual([
      ["up", 1],
      ["up", 2],
      ["up", 3],
      ["down", 2],
    ]);
  });

  test("counts what an interface refuses, and nothing after its end", () => {
    const { clock, first, second, wire, emit } = open({ up: { delay: micros(10) } });
    second.isUp = false;
    emit(first, 1);
    clock.advance(millis(1));
    expect(wire.refused).toBe(1);
    second.isUp = true;
    emit(first, 2);
    wire.close();
    wire.close();
    clock.advance(millis(1));
    expect([second.sent, first.isClosed, second.isClosed]).toEqual([[], true, true]);
  });

  test("refuses invalid options", () => {
    expect(() => open({ down: { loss: 7 } })).toThrow(/the wire's down is wrong: loss must be a probability/);
  });
});

describe("CE marks in frames", () => {
  /** The ones' complement sum of an IPv4 header; 0xffff if its checksum is right (RFC 1071). */
  const sum = (frame: Uint8Array): number => {
    let total = 0;
    for (let i = 14; i < 34; i += 2) total += (frame[i]! << 8) | frame[i + 1]!;
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    return total;
  };
  const ethernet = (type: number): number[] => [...new Array<number>(12).fill(0), type >> 8, type & 0xff];
  const ipv4 = (tos: number, id: number): Uint8Array => {
    const frame = Uint8Array.from([
      ...ethernet(0x0800),
      0x45,
      tos,
      0,
      40,
      id >> 8,
      id & 0xff,
      0,
      0,
      64,
      6,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      2,
      ...new Array<number>(20).fill(9),
    ]);
    const checksum = ~sum(frame) & 0xffff;
    frame[24] = checksum >> 8;
    frame[25] = checksum & 0xff;
    return frame;
  };

  test("IPv4: the bits change, and the checksum with them", () => {
    for (let id = 0; id < 0x1_0000; id += 251) {
      for (const ecn of [1, 2]) {
        const frame = ipv4(0xb8 | ecn, id);
        expect(sum(frame)).toBe(0xffff);
        const changed = FRAMES.mark(frame)!;
        expect(changed[15]).toBe(0xbb);
        expect(sum(changed)).toBe(0xffff);
        expect(frame[15]).toBe(0xb8 | ecn);
      }
    }
  });

  test("IPv6: the last bits of the traffic class", () => {
    const frame = Uint8Array.from([...ethernet(0x86dd), 0x6b, 0x8a, 0xbc, 0xde, ...new Array<number>(36).fill(0)]);
    frame[15] = 0x2a;
    expect([...FRAMES.mark(frame)!.subarray(14, 18)]).toEqual([0x6b, 0x3a, 0xbc, 0xde]);
  });

  test("not-ECT, CE and other protocols stay as they are", () => {
    expect(FRAMES.mark(ipv4(0xb8, 1))).toBeUndefined();
    const marked = ipv4(0xbb, 1);
    expect(FRAMES.mark(marked)).toBe(marked);
    expect(FRAMES.mark(Uint8Array.from([...ethernet(0x0806), ...new Array<number>(28).fill(2)]))).toBeUndefined();
    expect(FRAMES.mark(new Uint8Array(10))).toBeUndefined();
  });
});
