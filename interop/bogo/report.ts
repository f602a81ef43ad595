/** What a run found: the runner's lines, joined with the reasons from the log. */

export interface Outcomes {
  readonly passed: readonly string[];
  readonly failed: readonly { readonly name: string; readonly detail: string }[];
  /** The shim answered that it cannot do what the test asks for. */
  readonly unimplemented: readonly Reasoned[];
  /** Not run. */
  readonly disabled: readonly Reasoned[];
  /** Selected, but without an outcome: the runner ended too early. */
  readonly missing: readonly string[];
}

export interface Reasoned {
  readonly name: string;
  readonly reason: string;
}

export interface Group {
  readonly reason: string;
  readonly count: number;
}

const OUTCOME = /^(PASSED|FAILED|UNIMPLEMENTED) \((.+)\)$/;

/** The lines of the log are a kind, the name of a test and a reason, with tabs between them. */
export function readOutcomes(output: string, log: string): Outcomes {
  const reasons = new Map<string, string>();
  const disabled: Reasoned[] = [];
  const missing = new Set<string>();
  for (const line of log.split("\n")) {
    const [kind, name, reason] = line.split("\t");
    if (name === undefined || reason === undefined) continue;
    if (kind === "disabled") disabled.push({ name, reason });
    else if (kind === "selected") missing.add(name);
    else reasons.set(name, reason);
  }
  const passed: string[] = [];
  const failed: { name: string; detail: string }[] = [];
  const unimplemented: Reasoned[] = [];
  let failure: { name: string; detail: string } | undefined;
  for (const line of output.split("\n")) {
    const [, outcome, name] = OUTCOME.exec(line) ?? [];
    if (name === undefined) {
      // Below the line of a failure, the runner says what it got and wanted.
      if (failure !== undefined) failure.detail += `${line}\n`;
      continue;
    }
    missing.delete(name);
    failure = undefined;
    if (outcome === "PASSED") passed.push(name);
    else if (outcome === "UNIMPLEMENTED") unimplemented.push({ name, reason: reasons.get(name) ?? "no reason" });
    else failed.push((failure = { name, detail: `${line}\n` }));
  }
  return { passed, failed, unimplemented, disabled, missing: [...missing] };
}

/** The reasons with the number of their tests, the most frequent first. */
export function groupsOf(tests: readonly Reasoned[]): readonly Group[] {
  const counts = new Map<string, number>();
  for (const { reason } of tests) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}

const countLine = (what: string, count: number): string => `${what.padEnd(15)}${count}\n`;
const groupLine = ({ reason, count }: Group): string => `${String(count).padStart(7)}  ${reason}\n`;

/** For the terminal. */
export function summarize({ passed, failed, unimplemented, disabled, missing }: Outcomes): string {
  return [
    countLine("passed", passed.length),
    countLine("failed", failed.length),
    ...failed.map(({ name }) => `         ${name}\n`),
    countLine("unimplemented", unimplemented.length),
    ...groupsOf(unimplemented).map(groupLine),
    countLine("disabled", disabled.length),
    ...groupsOf(disabled).map(groupLine),
    ...(missing.length === 0
      ? []
      : [countLine("missing", missing.length), ...missing.map((name) => `         ${name}\n`)]),
  ].join("");
}
