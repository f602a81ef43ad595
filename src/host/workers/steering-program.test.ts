import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SeededRng } from "../../base/rng.ts";
import { RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";
import { encodeProgram, type Steering, steeringProgram } from "./steering-program.ts";
import { runBpf } from "./testing/run-bpf.ts";

/** The kernel's limit, BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const setups = fc.record({
  idKey: bytes(16),
  clientKey: bytes(8),
  workers: fc.integer({ min: 1, max: 32 }),
});

const indexFor = (setup: Steering, packet: Uint8Array): number => runBpf(encodeProgram(steeringProgram(setup)), packet);

const short = (id: Uint8Array): Uint8Array => Uint8Array.of(0x40, ...id, ...new Uint8Array(20));
const long = (id: Uint8Array, source: Uint8Array = new Uint8Array(0), type = 0): Uint8Array =>
  Uint8Array.of(0xc0 | (type << 4), 0, 0, 0, 1, id.length, ...id, source.length, ...source, ...new Uint8Array(1200));

describe("the program for a group of sockets", () => {
  test("is as short as the kernel demands, and jumps forward only within itself", () => {
    const program = steeringProgram({ idKey: new Uint8Array(16), clientKey: new Uint8Array(8), workers: 32 });
    expect(program.length).toBeLessThan(MAX_INSTRUCTIONS);
    program.forEach(({ code, jt, jf, k }, at) => {
      if ((code & 0x07) === 0x05) expect(at + 1 + (code === 0x05 ? k : Math.max(jt, jf))).toBeLessThan(program.length);
    });
  });

  test("steers our ids to their worker, in short and long headers, whatever the generation", () => {
    fc.assert(
      fc.property(
        setups,
        fc.integer({ min: 0, max: 31 }),
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 0, max: 3 }),
        fc.integer(),
        (setup, number, generation, period, seed) => {
          const worker = number % setup.workers;
          const keys = new RoutedIdKeys(Array(4).fill(setup.idKey));
          const route = { generation, worker, node: 0 };
          const id = new RoutedConnectionIds(new SeededRng(seed), keys, route, () => period).generate().bytes;
          expect(indexFor(setup, short(id))).toBe(worker);
          expect(indexFor(setup, long(id))).toBe(worker);
        },
      ),
      { numRuns: runs(60) },
    );
  });

  test("steers all packets of a client's first flight alike, and spreads clients over the workers", () => {
    fc.assert(
      fc.property(setups, fc.integer({ min: 8, max: 20 }), fc.integer(), (setup, length, seed) => {
        const rng = new SeededRng(seed);
        const program = encodeProgram(steeringProgram(setup));
        const counts = new Map<number, number>();
        for (let i = 0; i < 60 * setup.workers; i += 1) {
          const id = Uint8Array.from({ length }, () => rng.uint32() & 0xff);
          const index = runBpf(program, long(id));
          // 0-RTT (type 1), and an Initial with another token, length or source.
          expect(runBpf(program, long(id, id.subarray(0, 5), 1))).toBe(index);
          counts.set(index, (counts.get(index) ?? 0) + 1);
        }
        expect(counts.size).toBe(setup.workers);
        expect(Math.max(...counts.keys())).toBe(setup.workers - 1);
      }),
      { numRuns: runs(10) },
    );
  });

  test("always returns the index of a socket, for any bytes", () => {
    fc.assert(
      fc.property(setups, fc.uint8Array({ maxLength: 60 }), (setup, packet) => {
        const index = indexFor(setup, packet);
        expect(index).toBeGreaterThanOrEqual(0);
        expect(index).toBeLessThan(setup.workers);
      }),
      { numRuns: runs(200) },
    );
  });
});
