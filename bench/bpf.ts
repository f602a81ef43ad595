/**
 * eBPF: our interpreter, our compiler and the kernel's on the same programs and packets, many runs on one packet, as
 * BPF_PROG_TEST_RUN repeats them. The kernel needs root and koffi.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  assemble,
  type EngineName,
  encodeCode,
  type LoadedProgram,
  loadObject,
  Machine,
  parseCode,
  parseObject,
  XDP,
} from "../src/bpf/index.ts";
import { KernelEngine } from "../src/host/bpf/kernel.ts";
import { loadKoffi } from "../src/host/engine/koffi.ts";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 7;
/** Seconds for one measurement, roughly. */
const DURATION = 0.1;
const WARM_RUNS = 20_000;

/** 120,000 instructions without memory. */
const LOOP = `
r0 = 1
r1 = 20000
again: r2 = r0
r2 <<= 13
r0 ^= r2
r0 += 7
r1 -= 1
if r1 != 0 goto again
exit`;

interface Subject {
  readonly name: string;
  /** The most that the compiled program may take, as a multiple of the kernel's time. */
  readonly target: number;
  open(machine: Machine): readonly LoadedProgram[];
  readonly packet: Uint8Array;
}

const object =
  (name: string, fill: (machine: Machine) => void = () => {}) =>
  (machine: Machine): readonly LoadedProgram[] => {
    const bytes = readFileSync(join(import.meta.dirname, "../../test/vectors/bpf", `${name}.o`));
    const programs = [...loadObject(machine, parseObject(bytes)).values()];
    fill(machine);
    return programs;
  };

function packet(...changes: readonly (readonly [at: number, ...bytes: number[]])[]): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([
    2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
  ]);
  for (const [at, ...values] of changes) bytes.set(values, at);
  return bytes;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "loop",
    target: 1.5,
    open: (machine) => [machine.load({ name: "loop", type: XDP, code: parseCode(encodeCode(assemble(LOOP))) })],
    packet: packet(),
  },
  {
    name: "parser",
    target: 1.5,
    open: object("parser"),
    packet: packet([14, 0x4a], [34, ...new Array<number>(20).fill(1)]),
  },
  { name: "Toeplitz", target: 1.5, open: object("toeplitz"), packet: packet() },
  {
    name: "firewall, 3 lookups",
    target: 2,
    open: object("firewall", (machine) => machine.map("blocked").set(Uint8Array.of(53, 0), new Uint8Array(8))),
    packet: packet([36, 0, 53]),
  },
];

export const bpf: Bench = async ({ rounds = ROUNDS, log }) => {
  const loaded = await loadKoffi();
  const kernel = "koffi" in loaded && process.getuid?.() === 0 ? new KernelEngine(loaded.koffi) : undefined;
  const rows = [];
  const ratios: Record<string, number> = {};
  const targets = [];
  for (const subject of SUBJECTS) {
    log(subject.name);
    const machine = new Machine();
    const programs = subject.open(machine);
    const program = programs.at(-1)!;
    const verifying = milliseconds(() => programs.forEach((each) => void machine.verify(each)));
    const compiling = milliseconds(() => void machine.compile(program));
    const engines: Record<string, (repeat: number) => number> = {};
    for (const engine of ["interp", "jit"] satisfies EngineName[]) {
      engines[engine] = (repeat) =>
        (milliseconds(() => void machine.run(program, { packet: subject.packet, engine, repeat })) * 1e6) / repeat;
    }
    const inKernel = kernel?.load(machine, program, programs);
    if (inKernel !== undefined) engines.kernel = (repeat) => inKernel.run(subject.packet, repeat).nanoseconds;
    const times: Record<string, number[]> = {};
    const counts: Record<string, number> = {};
    for (const [name, run] of Object.entries(engines)) {
      const first = run(50);
      counts[name] = Math.max(10, Math.min(2_000_000, Math.round((DURATION * 1e9) / first)));
      run(Math.min(WARM_RUNS, counts[name]!));
      times[name] = [];
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, run] of Object.entries(engines)) times[name]!.push(run(counts[name]!));
    }
    inKernel?.close();
    const of = (name: string): number => median(times[name]!);
    rows.push({
      name: subject.name,
      figures: {
        "interpreter ns": rounded(of("interp")),
        "compiled ns": rounded(of("jit")),
        ...(inKernel === undefined ? {} : { "kernel ns": rounded(of("kernel")) }),
        "verify ms": rounded(verifying),
        "compile ms": rounded(compiling),
        "module bytes": machine.compile(program).size,
      },
    });
    ratios[`${subject.name}, compiled / interpreter`] = rounded(of("jit") / of("interp"));
    targets.push({ of: `${subject.name}, compiled / interpreter`, atMost: 0.05 });
    if (inKernel === undefined) continue;
    ratios[`${subject.name}, compiled / kernel`] = rounded(of("jit") / of("kernel"));
    targets.push({ of: `${subject.name}, compiled / kernel`, atMost: subject.target });
  }
  const remarks = kernel === undefined ? ["without the kernel: it needs root, Linux and koffi"] : [];
  return { rows, ratios, targets, remarks };
};

function milliseconds(action: () => void): number {
  const begin = performance.now();
  action();
  return performance.now() - begin;
}
