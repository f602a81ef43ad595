/** `npm run bpf -- conformance DIR`: runs the public suite's files on our engines and counts. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assemble, BpfError, type EngineName, encodeCode, Machine, parseCode, RAW } from "../../src/bpf/index.ts";
import { type ConformanceCase, parseDataFile } from "./data-file.ts";

export const ENGINES: readonly EngineName[] = ["interp", "jit"];

/** Why a case fails, or undefined if it passes. */
export function failureOf(test: ConformanceCase, engine: EngineName): string | undefined {
  let value: bigint;
  try {
    const bytes = test.asm === undefined ? (test.raw ?? new Uint8Array(0)) : encodeCode(assemble(test.asm));
    const machine = new Machine();
    const program = machine.load({ name: "test", type: RAW, code: parseCode(bytes) });
    ({ value } = machine.run(program, { packet: test.memory, engine }));
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return test.error !== undefined && test.error !== "" && error.message.includes(test.error)
      ? undefined
      : `${error.code}: ${error.message}`;
  }
  if (test.result === undefined) return `returned 0x${value.toString(16)} instead of an error`;
  return value === test.result ? undefined : `0x${value.toString(16)} instead of 0x${test.result.toString(16)}`;
}

/** Returns true if all cases of both folders behave. */
export function runConformance(directory: string): boolean {
  let isClean = true;
  for (const [folder, isNegative] of [
    ["tests", false],
    ["negative", true],
  ] as const) {
    const names = readdirSync(join(directory, folder))
      .filter((name) => name.endsWith(".data"))
      .sort();
    for (const engine of ENGINES) {
      let passed = 0;
      for (const name of names) {
        let failure: string | undefined;
        let isFormatError = false;
        try {
          failure = failureOf(parseDataFile(readFileSync(join(directory, folder, name), "utf8")), engine);
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
          failure = error.message;
          isFormatError = true;
        }
        // A negative case passes if it fails, or if it expects just the error that it gets.
        const isExpected = isNegative
          ? failure !== undefined || isFormatError || expectsError(directory, folder, name)
          : failure === undefined;
        if (isExpected) passed += 1;
        else process.stdout.write(`${engine} ${folder}/${name}: ${failure ?? "accepted"}\n`);
      }
      process.stdout.write(`${engine}: ${passed} of ${names.length} in ${folder}\n`);
      isClean &&= passed === names.length;
    }
  }
  return isClean;
}

const expectsError = (directory: string, folder: string, name: string): boolean =>
  (parseDataFile(readFileSync(join(directory, folder, name), "utf8")).error ?? "") !== "";
