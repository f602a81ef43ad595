/**
 * `npm run bpf -- programs [DIR]`: each program of each object in a folder, on both engines and in the kernel, on 1,000 packets.
 * Without a folder, clang (or CLANG) compiles examples/bpf and the programs beside this file.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BpfError, type LoadedProgram, loadObject, Machine, parseObject } from "../../src/bpf/index.ts";
import { mixedPackets } from "../../src/bpf/testing/packets.ts";
import type { KernelEngine, KernelProgram } from "../../src/host/bpf/kernel.ts";
import { toHex } from "../../src/wire/hex.ts";

const PACKETS = 1000;

interface Opened {
  readonly machine: Machine;
  readonly programs: ReadonlyMap<string, LoadedProgram>;
}

/** Entries for maps that would be empty otherwise: every map has some, from its own sizes. */
function open(bytes: Uint8Array): Opened {
  const machine = new Machine();
  const programs = loadObject(machine, parseObject(bytes));
  for (const program of programs.values()) machine.verify(program);
  for (const map of machine.maps) {
    const { type, keySize, valueSize, readOnly, name } = map.definition;
    if (readOnly || name.startsWith(".") || type === "prog-array" || keySize === 0) continue;
    for (let i = 0; i < 8; i += 1) {
      const key = new Uint8Array(keySize);
      // A prefix of the packets' addresses for tries; a port or an index for others.
      if (type === "lpm-trie") key.set([8 + i, 0, 0, 0, 10]);
      else if (keySize === 4) key[0] = i;
      else key.set([[53, 80, 187, 81][i % 4]!, [0, 0, 1, 17][i % 4]!].slice(0, keySize));
      try {
        map.set(key, new Uint8Array(valueSize).fill(i + 1));
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
      }
    }
  }
  return { machine, programs };
}

export function compileAndRun(kernel: KernelEngine | undefined): boolean {
  const directory = mkdtempSync(join(tmpdir(), "nagare-bpf-"));
  try {
    for (const folder of ["examples/bpf", "interop/bpf/c"]) {
      for (const name of readdirSync(folder).filter((each) => each.endsWith(".c"))) {
        const output = join(directory, name.replace(/c$/, "o"));
        const options = ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-c", join(folder, name), "-o", output];
        execFileSync(process.env.CLANG ?? "clang", options, { stdio: "inherit" });
      }
    }
    return runPrograms(directory, kernel);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function runPrograms(directory: string, kernel: KernelEngine | undefined): boolean {
  let isClean = true;
  for (const file of readdirSync(directory)
    .filter((each) => each.endsWith(".o"))
    .sort()) {
    const bytes = new Uint8Array(readFileSync(join(directory, file)));
    for (const name of open(bytes).programs.keys()) {
      const [left, right] = [open(bytes), open(bytes)];
      const [first, second] = [left.programs.get(name)!, right.programs.get(name)!];
      let inKernel: KernelProgram | undefined;
      let note = "";
      try {
        inKernel = kernel?.load(left.machine, first, [...left.programs.values()]);
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        note = `, not in the kernel: ${error.message}`;
      }
      let differences = 0;
      for (const packet of mixedPackets(PACKETS, 77)) {
        const ours = left.machine.run(first, { packet, engine: "interp" });
        const results = [`${ours.low >>> 0} ${toHex(ours.packet)}`];
        const compiled = right.machine.run(second, { packet, engine: "jit" });
        results.push(`${compiled.low >>> 0} ${toHex(compiled.packet)}`);
        if (inKernel !== undefined) {
          const { result, packet: after } = inKernel.run(packet);
          results.push(`${result} ${toHex(after)}`);
        }
        if (new Set(results).size > 1) differences += 1;
      }
      inKernel?.close();
      const engines = inKernel === undefined ? "interp and jit" : "interp, jit and kernel";
      process.stdout.write(`${file} ${name}: ${PACKETS} packets on ${engines}, ${differences} differences${note}\n`);
      isClean &&= differences === 0 && note === "";
    }
  }
  return isClean;
}
