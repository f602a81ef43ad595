/** A check of a program that runs many and goes on after a failure, which sets the exit code. */

import { Skip } from "./result.ts";

export async function check(name: string, run: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok     ${name}: ${await run()}`);
  } catch (error) {
    const isSkip = error instanceof Skip;
    if (!isSkip) process.exitCode = 1;
    console.log(`${isSkip ? "skip  " : "FAILED"} ${name}: ${(error as Error).message}`);
  }
}
