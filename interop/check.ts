/** Checks of a program that goes on after a failure, which sets the exit code. */

import { Skip } from "./result.ts";

/** Resolves with true if it passed. */
export async function check(name: string, run: () => Promise<string>): Promise<boolean> {
  try {
    console.log(`ok     ${name}: ${await run()}`);
    return true;
  } catch (error) {
    const isSkip = error instanceof Skip;
    if (!isSkip) process.exitCode = 1;
    console.log(`${isSkip ? "skip  " : "FAILED"} ${name}: ${(error as Error).message}`);
    return false;
  }
}
