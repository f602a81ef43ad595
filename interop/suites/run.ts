/** Runs a suite once with its own runner, with or without the preload. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestIdentity } from "../certificates.ts";
import { parseMocha, parseNodeTest, type Results } from "./results.ts";
import { type ServerKind, settingsToEnvironment } from "./settings.ts";
import type { Suite, Version } from "./suite.ts";

/** Milliseconds without another result after which a run is ended: more than a test may take. */
const PATIENCE = 90_000;
/** Milliseconds for a run. */
const LIMIT = 1_200_000;

/** Node's http server as it is, or a server that the preload puts in its place. */
export type Replacement = { readonly server: ServerKind; readonly version: Version } | "none";

export interface Run extends Results {
  /** Why the runner did not end by itself after its last test. */
  readonly end: string | undefined;
}

export async function runSuite(
  suite: Suite,
  source: string,
  replacement: Replacement,
  identity: TestIdentity,
): Promise<Run> {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_EXTRA_CA_CERTS: identity.caFile, NO_COLOR: "1" };
  delete env.NODE_OPTIONS;
  delete env.FORCE_COLOR;
  if (suite.prepare !== undefined)
    execFileSync(suite.prepare[0]!, suite.prepare.slice(1), { cwd: source, env, stdio: "ignore" });
  if (replacement !== "none") {
    env.NODE_OPTIONS = `--import=${new URL("./preload.js", import.meta.url)}`;
    Object.assign(env, settingsToEnvironment(replacement.server, replacement.version, identity));
  }
  const folder = mkdtempSync(join(tmpdir(), "nagare-suite-"));
  try {
    const results = join(folder, "results");
    const runner = suite.runner === "mocha" ? mochaArguments(source, results) : nodeTestArguments(results);
    const { end, errors } = await finish(
      [process.execPath, ...runner, ...suite.args, ...suite.files],
      source,
      env,
      results,
    );
    if (!existsSync(results)) throw new Error(`${suite.name} left no results; ${end ?? "it ended"}: ${errors}`);
    const parse = suite.runner === "mocha" ? parseMocha : parseNodeTest;
    return { ...parse(readFileSync(results, "utf8"), source), end };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Results go to a file: some tests replace what writes to standard output.

function nodeTestArguments(results: string): string[] {
  const reporter = new URL("./node-test-reporter.js", import.meta.url);
  return [
    "--test",
    "--test-force-exit",
    "--test-timeout=60000",
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${results}`,
  ];
}

function mochaArguments(source: string, results: string): string[] {
  const directory = join(source, "node_modules", "mocha");
  const { bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { bin: Record<string, string> };
  return [join(directory, bin.mocha!), "--reporter", "json", "--reporter-option", `output=${results}`];
}

interface Finished {
  readonly end: string | undefined;
  /** The last of its standard error. */
  readonly errors: string;
}

/** Runs a command until it ends, or until long after it has last written results. */
function finish(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv, results: string): Promise<Finished> {
  const [path, ...args] = command;
  return new Promise((resolve, reject) => {
    // A group of its own, since runners start processes.
    const child = spawn(path!, args, { cwd, env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
    const started = Date.now();
    let errors = "";
    let isLate = false;
    const watch = setInterval(() => {
      const last = statSync(results, { throwIfNoEntry: false });
      const isOver = last !== undefined && last.size > 0 && Date.now() - last.mtimeMs > PATIENCE;
      if (!isOver && Date.now() - started < LIMIT) return;
      isLate = true;
      process.kill(-child.pid!, "SIGKILL");
    }, 1_000);
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-2_000);
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      clearInterval(watch);
      resolve({ end: isLate ? "it did not end" : signal === null ? undefined : `it was ended by ${signal}`, errors });
    });
  });
}

/** The checkout: `source` itself or its subfolder. Throws with the commands that create it. */
export function findSource(suite: Suite, source: string): string {
  const nested = join(source, suite.name);
  const directory = existsSync(nested) ? nested : source;
  const file = join(directory, "package.json");
  const { version } = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { version: string }) : {};
  if (version !== undefined && suite.tag.replace(/^v/, "") === version && existsSync(join(directory, "node_modules"))) {
    return directory;
  }
  const found = version === undefined ? "nothing" : `version ${version}`;
  const clone = `git clone --depth 1 --branch ${suite.tag} https://github.com/${suite.repository} ${nested}`;
  throw new Error(`${directory} holds ${found}, without packages or not ${suite.name} ${suite.tag}. Run:
  ${clone} && (cd ${nested} && npm install --ignore-scripts)`);
}
