/** What a script found: the counts that it prints, and what is known about the probes that failed. */

import type { Script } from "./scripts.ts";

export interface ScriptOutcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: readonly string[];
  /** Reasons of differences, with the number of probes. */
  readonly different: ReadonlyMap<string, number>;
  /** The script's output, unless it printed a summary. */
  readonly problem: string | undefined;
}

export function readOutcome({ name, differences = [] }: Script, output: string): ScriptOutcome {
  const passed = /^PASS: (\d+)$/m.exec(output)?.[1];
  const failed: string[] = [];
  const different = new Map<string, number>();
  const list = /^FAILED:\n((?:\t.*\n?)*)/m.exec(output)?.[1] ?? "";
  for (const [, probe] of list.matchAll(/^\t'(.*)'$/gm)) {
    const known = differences.find(({ probes }) => probes.test(probe!));
    if (known === undefined) failed.push(probe!);
    else different.set(known.reason, (different.get(known.reason) ?? 0) + 1);
  }
  return { name, passed: Number(passed ?? 0), failed, different, problem: passed === undefined ? output : undefined };
}

export const differentOf = ({ different }: ScriptOutcome): number =>
  [...different.values()].reduce((sum, count) => sum + count, 0);
