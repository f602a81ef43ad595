/** Runs a suite once with its own runner, with or without the preload. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestIdentity } from "../certificates.ts";
import { parseMocha, parseNodeTest, type Results } from "./results.ts";
import { type ServerKind, settingsToEnvironment } from "./settings.ts";
import type { Suite, Version } from "./suite.ts";

/** Milliseconds without output after which the run is ended. */
const PATIENCE = 60_000;

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
  const isMocha = suite.runner === "mocha";
  const command = [process.execPath, ...(isMocha ? mochaArguments(source) : NODE_TEST), ...suite.args, ...suite.files];
  const { output, end } = await collect(command, source, env);
  return { ...(isMocha ? parseMocha : parseNodeTest)(output, source), end };
}

const NODE_TEST = ["--test", `--test-reporter=${new URL("./node-test-reporter.js", import.meta.url)}`];

function mochaArguments(source: string): string[] {
  const directory = join(source, "node_modules", "mocha");
  const { bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { bin: Record<string, string> };
  return [join(directory, bin.mocha!), "--reporter", "json-stream"];
}

function collect(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ output: string; end: string | undefined }> {
  const [path, ...args] = command;
  return new Promise((resolve, reject) => {
    // A group of its own, since runners start processes.
    const child = spawn(path!, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      process.kill(-child.pid!, "SIGKILL");
    }, PATIENCE);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      timer.refresh();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-4_000);
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      clearTimeout(timer);
      const end = isLate ? "it did not end" : signal === null ? undefined : `it was ended by ${signal}`;
      if (output === "") reject(new Error(`${command.join(" ").slice(0, 300)} printed nothing: ${errors}`));
      else resolve({ output, end });
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
