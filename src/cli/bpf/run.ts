// `nagare bpf run`: runs a program on packets, and prints its results, its events and its time.
import { randomFillSync } from "node:crypto";
import {
  BpfError,
  disassemble,
  type EngineName,
  type LoadedProgram,
  type Machine,
  RingBuffer,
  type RunResult,
} from "../../bpf/index.ts";
import { KernelEngine, type KernelProgram } from "../../host/bpf/kernel.ts";
import { loadKoffi } from "../../host/engine/koffi.ts";
import { toHex } from "../../wire/hex.ts";
import { printable } from "../../wire/printable.ts";
import { equalBytes } from "../../wire/text.ts";
import { CliError, usageError } from "../fail.ts";
import { type Io, write } from "../io.ts";
import { readCapture, readData } from "./packets.ts";
import { asCliError, openProgram, type ProgramFlags } from "./program-file.ts";

export interface RunFlags extends ProgramFlags {
  readonly data?: string;
  readonly pcap?: string;
  readonly engine?: string;
  readonly repeat: string;
  readonly trace?: true;
  /** Run it with checks instead of a proof. */
  readonly unverified?: true;
  readonly json?: true;
}

const MAX_REPEAT = 100_000_000;
/** What is run if no packet is given: an empty Ethernet frame. */
const EMPTY_FRAME = new Uint8Array(60);

export async function runProgram(path: string, flags: RunFlags, io: Io): Promise<void> {
  const repeat = Number(flags.repeat);
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > MAX_REPEAT) {
    throw usageError(`--repeat must be a whole number from 1 to ${MAX_REPEAT}, not ${flags.repeat}`);
  }
  const lines: string[] = [];
  const { machine, programs, loaded } = await openProgram(path, flags, {
    now: () => process.hrtime.bigint(),
    rng: { fill: (target) => void randomFillSync(target), uint32: () => randomFillSync(new Uint32Array(1))[0]! },
    log: (text) => lines.push(text),
  });
  if (programs.length > 1) {
    throw usageError(
      `${path} has several programs`,
      `choose one with --program: ${programs.map(({ name }) => name).join(", ")}`,
    );
  }
  const program = programs[0]!;
  const packets = await packetsOf(flags, program);
  // A raw program has no context that a proof could be about; its accesses are checked while it runs.
  if (program.type.contextSize > 0 && flags.unverified !== true) {
    for (const each of loaded) verified(path, machine, each);
  }
  if (flags.engine === "kernel" && flags.trace)
    throw usageError("the kernel cannot be traced", "choose --engine interp");
  using kernel = flags.engine === "kernel" ? await openKernel(path, machine, program, loaded) : undefined;
  for (const packet of packets) {
    const outcome =
      kernel === undefined
        ? runOne(path, machine, program, packet, repeat, flags, io)
        : runInKernel(path, program, kernel, packet, repeat);
    await write(io.stdout, flags.json ? `${JSON.stringify(outcome)}\n` : describe(outcome));
    for (const text of lines.splice(0)) io.stderr.write(`${printable(text.trimEnd())}\n`);
  }
}

async function packetsOf({ data, pcap }: RunFlags, { type }: LoadedProgram): Promise<readonly Uint8Array[]> {
  if (pcap !== undefined) return await readCapture(pcap);
  if (data !== undefined) return [await readData(data)];
  return [type.contextSize === 0 ? new Uint8Array(0) : EMPTY_FRAME];
}

function verified(path: string, machine: Machine, program: LoadedProgram): void {
  try {
    machine.verify(program);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    const hint = "nagare bpf verify explains it, and --unverified runs it with checks";
    throw new CliError("BPF_UNSAFE", `${path}: ${program.name}: ${error.message}`, { hint, cause: error });
  }
}

async function openKernel(
  path: string,
  machine: Machine,
  program: LoadedProgram,
  others: readonly LoadedProgram[],
): Promise<KernelProgram> {
  const opened = await loadKoffi();
  if (!("koffi" in opened)) {
    throw new CliError("NO_KERNEL", `the kernel cannot be asked: ${opened.reason}`, { hint: opened.advice });
  }
  try {
    return new KernelEngine(opened.koffi).load(machine, program, others);
  } catch (error) {
    throw error instanceof BpfError ? asCliError(path, error) : error;
  }
}

function runInKernel(
  path: string,
  program: LoadedProgram,
  kernel: KernelProgram,
  packet: Uint8Array,
  repeat: number,
): Outcome {
  try {
    const { result, packet: after, nanoseconds } = kernel.run(packet, repeat);
    return {
      program: program.name,
      engine: "kernel",
      result: `0x${result.toString(16)}`,
      verdict: program.type.results[result] ?? null,
      nanoseconds,
      packet: equalBytes(after, packet) ? null : toHex(after),
      selected: null,
      events: [],
    };
  } catch (error) {
    throw error instanceof BpfError ? asCliError(path, error) : error;
  }
}

interface Outcome {
  readonly program: string;
  readonly engine: string;
  /** r0, in hexadecimal. */
  readonly result: string;
  readonly verdict: string | null;
  readonly nanoseconds: number;
  /** The packet afterwards, if it changed. */
  readonly packet: string | null;
  /** What a redirecting program chose. */
  readonly selected: number | null;
  /** Records of ring buffers. */
  readonly events: readonly { readonly map: string; readonly data: string }[];
}

function runOne(
  path: string,
  machine: Machine,
  program: LoadedProgram,
  packet: Uint8Array,
  repeat: number,
  flags: RunFlags,
  io: Io,
): Outcome {
  const engine = flags.engine as EngineName | undefined;
  const trace = flags.trace
    ? (pc: number, register: (index: number) => bigint): void => void io.stderr.write(traceLine(program, pc, register))
    : undefined;
  let result: RunResult | undefined;
  const begin = process.hrtime.bigint();
  try {
    result = machine.run(program, { packet, engine, trace, repeat });
  } catch (error) {
    throw error instanceof BpfError ? asCliError(path, error) : error;
  }
  const nanoseconds = Number(process.hrtime.bigint() - begin) / repeat;
  const { value, low, packet: after, selection } = result!;
  return {
    program: program.name,
    engine: result!.engine,
    result: `0x${value.toString(16)}`,
    verdict: program.type.results[low] ?? null,
    nanoseconds: Math.round(nanoseconds),
    packet: equalBytes(after, packet) ? null : toHex(after),
    selected: selection?.value ?? null,
    events: machine.maps.flatMap((map) =>
      map instanceof RingBuffer
        ? [...map.drain()].map((data) => ({ map: map.definition.name, data: toHex(data) }))
        : [],
    ),
  };
}

function traceLine(program: LoadedProgram, pc: number, register: (index: number) => bigint): string {
  const operation = program.code[pc];
  const text = operation === undefined ? "?" : disassemble(operation, pc);
  const registers = Array.from({ length: 11 }, (_, index) => `r${index}=0x${register(index).toString(16)}`);
  return `${String(pc).padStart(5)}: ${text.padEnd(40)} ${registers.join(" ")}\n`;
}

function describe({ program, engine, result, verdict, nanoseconds, packet, selected, events }: Outcome): string {
  const parts = [`${program}: ${result}`];
  if (verdict !== null) parts.push(`(${verdict})`);
  if (selected !== null) parts.push(`to ${selected}`);
  const lines = [`${parts.join(" ")} in ${nanoseconds} ns by ${engine}`];
  if (packet !== null) lines.push(`  packet ${packet}`);
  for (const { map, data } of events) lines.push(`  ${map}: ${data}`);
  return `${lines.map(printable).join("\n")}\n`;
}
