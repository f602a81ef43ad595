// `nagare lab run policies`: how many of Chromium's recorded verdicts our rules give, too.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { domainToASCII, fileURLToPath } from "node:url";
import { COOKIE_JUDGES } from "../../lab/policies/cookies.ts";
import { differences, ISOLATION_JUDGES } from "../../lab/policies/isolation.ts";
import { CliError, EXIT, silentExit } from "../fail.ts";
import { type Io, write } from "../io.ts";

export const POLICIES = {
  name: "policies",
  title: "Policies of a browser",
  summary: "our rules of cookies and cross-origin isolation on the recorded verdicts of Chromium",
  takes: "a second",
} as const;

interface VectorFile {
  readonly chromium: string;
  readonly cases: readonly unknown[];
}

interface Agreement {
  readonly policy: string;
  readonly part: string;
  readonly chromium: string;
  readonly cases: number;
  readonly agreeing: number;
}

/** dist/cli/lab or src/cli/lab, in the repository. */
const VECTORS = join(dirname(fileURLToPath(import.meta.url)), "../../../test/vectors");

export async function runPolicies(flags: { readonly json?: true }, io: Io): Promise<void> {
  const rows: Agreement[] = [];
  for (const [part, count] of Object.entries(COOKIE_JUDGES)) {
    const { chromium, cases } = await vectors("cookies", part);
    rows.push({ policy: "cookies", part, chromium, cases: cases.length, agreeing: count(cases, domainToASCII) });
  }
  for (const [part, judge] of Object.entries(ISOLATION_JUDGES)) {
    const { chromium, cases } = await vectors("isolation", part);
    const wrong = differences(cases, judge as (vector: { readonly id: string }) => object);
    rows.push({ policy: "isolation", part, chromium, cases: cases.length, agreeing: cases.length - wrong.length });
  }
  const text = flags.json ? JSON.stringify({ name: POLICIES.name, rows }) : lines(rows).join("\n");
  await write(io.stdout, `${text}\n`);
  if (rows.some(({ cases, agreeing }) => agreeing < cases)) throw silentExit(EXIT.failed);
}

async function vectors(policy: string, part: string): Promise<VectorFile> {
  const path = join(VECTORS, policy, `${part}.json`);
  try {
    return JSON.parse(await readFile(path, "utf8")) as VectorFile;
  } catch (error) {
    throw new CliError("VECTORS_MISSING", `cannot read ${path}`, {
      hint: "the recorded verdicts are in Nagare's repository, not in its package: run this in a checkout",
      cause: error,
    });
  }
}

function lines(rows: readonly Agreement[]): string[] {
  const sum = (of: (row: Agreement) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const named = rows.map((row) => ({ name: `${row.policy} ${row.part}`, ...row }));
  const width = Math.max(...named.map(({ name }) => name.length));
  return [
    `${POLICIES.title}, beside Chromium ${[...new Set(rows.map(({ chromium }) => chromium))].join(", ")}`,
    "",
    ...named.map(
      ({ name, cases, agreeing }) =>
        `${name.padEnd(width)}  ${String(agreeing).padStart(5)} of ${String(cases).padStart(5)} agree`,
    ),
    "",
    `${sum(({ agreeing }) => agreeing)} of ${sum(({ cases }) => cases)} recorded cases agree`,
  ];
}
