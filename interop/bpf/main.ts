/** `npm run bpf -- conformance DIR | differential [COUNT] [SEED] | noise [COUNT] [SEED] | programs [DIR]` */

import { KernelEngine } from "../../src/host/bpf/kernel.ts";
import { loadKoffi } from "../../src/host/engine/koffi.ts";
import { runConformance } from "./conformance.ts";
import { runDifferential, runNoise } from "./differential.ts";
import { compileAndRun, runPrograms } from "./programs.ts";

const [command, first, second] = process.argv.slice(2);
const count = Number(first ?? 1000);
const seed = Number(second ?? 1);

/** As root on Linux, with koffi. */
async function openKernel(): Promise<KernelEngine | undefined> {
  const loaded = await loadKoffi();
  const isPossible = "koffi" in loaded && process.getuid?.() === 0;
  if (!isPossible) process.stdout.write("without the kernel: it needs root, Linux and koffi\n");
  return isPossible ? new KernelEngine(loaded.koffi) : undefined;
}

async function run(): Promise<boolean> {
  switch (command) {
    case "conformance":
      return runConformance(first ?? ".");
    case "differential":
      return runDifferential(count, seed, await openKernel());
    case "programs":
      return first === undefined ? compileAndRun(await openKernel()) : runPrograms(first, await openKernel());
    case "noise":
      return runNoise(count, seed);
    default:
      process.stderr.write(
        "usage: npm run bpf -- conformance DIR | differential [COUNT] [SEED] | noise [COUNT] [SEED] | programs [DIR]\n",
      );
      process.exit(2);
  }
}

process.exitCode = (await run()) ? 0 : 1;
