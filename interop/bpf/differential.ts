/**
 * Random programs on all engines: `npm run bpf -- differential [COUNT] [SEED]` compares the interpreter, the compiler and, as
 * root on Linux, the kernel; `npm run bpf -- noise [COUNT] [SEED]` gives the verifier random instructions, and runs what it
 * accepts with every check on.
 */

import { SeededRng } from "../../src/base/rng.ts";
import {
  BpfError,
  disassemble,
  encodeCode,
  type LoadedProgram,
  Machine,
  parseCode,
  RAW,
  type RunResult,
  XDP,
} from "../../src/bpf/index.ts";
import { randomProgram, VALUE_BYTES } from "../../src/bpf/testing/random-program.ts";
import { type KernelEngine, type KernelProgram, KernelRefusal } from "../../src/host/bpf/kernel.ts";
import { toHex } from "../../src/wire/hex.ts";

const PACKETS = 3;
const BUDGET = 50_000;
const SHOWN = 3;

function createMachine(): Machine {
  const machine = new Machine({ maxPacket: 256, memoryLimit: 1 << 20 });
  const sizes = { keySize: 4, valueSize: VALUE_BYTES, maxEntries: 4 };
  machine.addMap({ name: "array", type: "array", ...sizes });
  const hash = machine.addMap({ name: "hash", type: "hash", ...sizes });
  for (const key of [1, 3]) hash.set(Uint8Array.of(key, 0, 0, 0), new Uint8Array(VALUE_BYTES).fill(key));
  return machine;
}

const contents = (machine: Machine, read: (map: number, key: Uint8Array) => Uint8Array | undefined): string =>
  machine.maps.flatMap((map) => [...map.keys()].map((key) => toHex(read(map.index, key) ?? new Uint8Array(0)))).join();

const listing = ({ code }: LoadedProgram): string =>
  code.flatMap((each, pc) => (each === undefined ? [] : [`  ${pc}: ${disassemble(each, pc)}`])).join("\n");

/** The reason without its numbers, so that reasons can be counted. */
const kindOf = (reason: string): string => reason.replace(/^instruction \d+: /, "").replace(/-?\d+/g, "N");

class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  print(title: string, limit: number): void {
    process.stdout.write(`${title}\n`);
    const rows = [...this.#counts].sort(([, a], [, b]) => b - a);
    for (const [what, count] of rows.slice(0, limit)) process.stdout.write(`  ${count} ${what}\n`);
  }
}

/** Returns true if all engines agree on all programs. */
export function runDifferential(count: number, seed: number, kernel: KernelEngine | undefined): boolean {
  const rng = new SeededRng(seed);
  const [ours, theirs] = [new Tally(), new Tally()];
  let [accepted, both, neither, differences, compared] = [0, 0, 0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    const code = parseCode(encodeCode(randomProgram(rng, { length: 4 + (rng.uint32() % 24), risk: 0.02 })));
    const [left, right] = [createMachine(), createMachine()];
    const [first, second] = [left, right].map((each) => each.load({ name: `program ${i}`, type: XDP, code })) as [
      LoadedProgram,
      LoadedProgram,
    ];
    let refusal: string | undefined;
    try {
      // Each in its own machine: a proof names that machine's maps, and the compiler inlines lookups in them.
      left.verify(first, { budget: BUDGET });
      right.verify(second, { budget: BUDGET });
      accepted += 1;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      refusal = kindOf(error.message);
    }
    let inKernel: KernelProgram | undefined;
    let kernelRefusal: string | undefined;
    try {
      inKernel = kernel?.load(left, first);
    } catch (error) {
      if (!(error instanceof KernelRefusal)) throw error;
      kernelRefusal = kindOf(error.message);
    }
    if (kernel !== undefined && refusal === undefined && kernelRefusal === undefined) both += 1;
    if (kernel !== undefined && refusal !== undefined && kernelRefusal !== undefined) neither += 1;
    if (refusal !== undefined && kernelRefusal === undefined) ours.add(refusal);
    if (refusal === undefined && kernelRefusal !== undefined) theirs.add(kernelRefusal);
    for (let n = 0; n < PACKETS && refusal === undefined; n += 1) {
      const packet = new Uint8Array(n === 2 ? 40 : 64);
      rng.fill(packet);
      if (n === 0) packet.fill(0xff, 8, 20);
      const results: string[] = [];
      const record = (low: number, after: Uint8Array, maps: string): void =>
        void results.push(`0x${(low >>> 0).toString(16)} ${toHex(after)} ${maps}`);
      const own = (machine: Machine, { low, packet: after }: RunResult): void =>
        record(
          low,
          after,
          contents(machine, (map, key) => machine.maps[map]!.get(key)),
        );
      own(left, left.run(first, { packet, engine: "interp" }));
      own(right, right.run(second, { packet, engine: "jit" }));
      if (inKernel !== undefined) {
        const { result, packet: after } = inKernel.run(packet);
        record(
          result,
          after,
          contents(left, (map, key) => inKernel.lookup(map, key, VALUE_BYTES) ?? left.maps[map]!.get(key)),
        );
      }
      compared += 1;
      if (new Set(results).size === 1) continue;
      differences += 1;
      if (differences <= SHOWN)
        process.stdout.write(`program ${i} (seed ${seed}):\n${listing(first)}\n  ${results.join("\n  ")}\n`);
      break;
    }
    inKernel?.close();
  }
  process.stdout.write(
    `${count} programs, ${accepted} verified, ${compared} runs compared, ${differences} differences\n`,
  );
  if (kernel !== undefined) {
    process.stdout.write(`both verifiers accept ${both} and refuse ${neither}\n`);
    ours.print("only ours refuses:", 8);
    theirs.print("only the kernel's refuses:", 8);
  }
  return differences === 0;
}

/** Legal opcodes, so that noise gets past the decoder. */
const OPCODES = [
  ...[0x07, 0x0f, 0x17, 0x1f, 0x27, 0x37, 0x3f, 0x47, 0x57, 0x5f, 0x67, 0x77, 0x87, 0x97, 0xa7, 0xb7, 0xbf, 0xc7, 0xd7],
  ...[0x04, 0x0c, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0x94, 0xa4, 0xb4, 0xbc, 0xc4, 0xd4, 0xdc],
  ...[0x61, 0x69, 0x71, 0x79, 0x81, 0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0xc3, 0xdb, 0x18, 0x20, 0x30, 0x40],
  ...[0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x45, 0x55, 0x65, 0x75, 0xa5, 0xb5, 0xc5, 0xd5, 0x06, 0x16, 0x26, 0x85, 0x95],
];

/** Returns true if nothing crashed, hung, or was accepted and then failed. Throws what the verifier throws. */
export function runNoise(count: number, seed: number): boolean {
  const rng = new SeededRng(seed);
  const below = (limit: number): number => rng.uint32() % limit;
  let [decoded, accepted] = [0, 0];
  const reasons = new Tally();
  const machine = new Machine({ maxPacket: 256, memoryLimit: 1 << 20 });
  const packet = new Uint8Array(64);
  for (let i = 0; i < count; i += 1) {
    const bytes = i % 4 === 0 ? new Uint8Array(below(200)) : new Uint8Array(8 * (1 + below(12)));
    rng.fill(bytes);
    if (i % 4 !== 0) shape(bytes, below);
    const type = below(2) === 0 ? RAW : XDP;
    try {
      const code = parseCode(bytes);
      decoded += 1;
      const program = machine.load({ name: "noise", type, code });
      machine.verify(program, { memory: packet.length, budget: 10_000 });
      accepted += 1;
      for (const engine of ["interp", "jit"] as const) {
        try {
          machine.run(program, { packet, engine });
        } catch (error) {
          process.stdout.write(`accepted, but: ${String(error)}\n${listing(program)}\n`);
          return false;
        }
      }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      reasons.add(error.code);
    }
  }
  process.stdout.write(
    `${count} byte strings: ${decoded} decoded, ${accepted} verified and run on both engines without a fault\n`,
  );
  reasons.print("refused:", 5);
  return true;
}

/** Makes instructions likely to be legal: known opcodes, few registers, small numbers, exit at the end. */
function shape(bytes: Uint8Array, below: (limit: number) => number): void {
  for (let at = 0; at < bytes.length; at += 8) {
    const opcode = OPCODES[below(OPCODES.length)]!;
    const isRegister = (opcode & 8) !== 0 || (opcode & 7) === 1 || (opcode & 7) === 3;
    const dst = [0, 1, 2, 3, 10][below(5)]!;
    bytes.set([opcode, dst | ((isRegister ? [0, 1, 2, 10][below(4)]! : 0) << 4), 0, 0, 0, 0, 0, 0], at);
    const size = opcode & 7;
    if (size >= 1 && size <= 3) bytes.set(below(2) === 0 ? [256 - 8 * (1 + below(4)), 255] : [below(64), 0], at + 2);
    if ((size === 5 || size === 6) && below(3) > 0) bytes[at + 2] = below(4);
    if (!isRegister && below(2) === 0) bytes[at + 4] = below(64);
    if ((opcode & 0xf7) === 0xd4 || opcode === 0xd7) bytes[at + 4] = 16 << below(3);
    if (opcode === 0x85) bytes[at + 4] = [1, 2, 5, 7, 8, 44, 65][below(7)]!;
  }
  bytes.set([0x95, 0, 0, 0, 0, 0, 0, 0], bytes.length - 8);
}
