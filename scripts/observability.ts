/**
 * `npm run observability -- --modules DIR`: starts an app on nagare/node and serve() under the documented set-ups of
 * OpenTelemetry, Sentry and Datadog, asks it over every version of HTTP, and counts the spans of its requests. DIR is a
 * folder with the tools in node_modules; one that is absent is reported as skipped. Nothing leaves the loopback address.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createClient, type Protocol } from "../src/client/index.ts";

interface Tool {
  readonly name: string;
  readonly packages: readonly string[];
  readonly flags: readonly string[];
  /** Default: app.mjs. */
  readonly program?: "app.cjs";
  readonly env?: NodeJS.ProcessEnv;
  /** Finds the spans of requests to nagare/node in a line that the program printed. Without it, none are expected. */
  readonly spansIn?: (line: string) => string[];
}

const PROTOCOLS: readonly Protocol[] = ["http/1.1", "h2", "h3"];
const REQUESTS = [
  { path: "/hello/x", status: 201, text: "hello x" },
  { path: "/echo", status: 200, text: '{"a":1}', body: '{"a":1}' },
  { path: "/fails", status: 500, text: "" },
];

const printed = (line: string): string[] => (line.startsWith("span ") ? [line.slice("span ".length)] : []);

/** The lines of Datadog's exporter for serverless programs. */
function datadogSpans(line: string): string[] {
  if (!line.startsWith('{"traces"')) return [];
  const { traces } = JSON.parse(line) as { traces: { meta: Record<string, string> }[][] };
  return traces
    .flat()
    .filter(({ meta }) => meta["span.kind"] === "server")
    .map(({ meta }) => `${new URL(meta["http.url"]!).pathname} ${meta["http.status_code"]}`);
}

// No agent listens on the discard port.
const QUIET = {
  DD_TRACE_AGENT_URL: "http://127.0.0.1:9",
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
  DD_REMOTE_CONFIGURATION_ENABLED: "false",
  DD_TRACE_STARTUP_LOGS: "false",
};
const LOG = { ...QUIET, DD_TRACE_EXPERIMENTAL_EXPORTER: "log" };

const OPENTELEMETRY = [
  "@opentelemetry/instrumentation",
  "@opentelemetry/instrumentation-express",
  "@opentelemetry/instrumentation-http",
  "@opentelemetry/sdk-trace-base",
  "@opentelemetry/sdk-trace-node",
];

const TOOLS: readonly Tool[] = [
  { name: "none", packages: [], flags: [] },
  {
    name: "OpenTelemetry (--import)",
    packages: OPENTELEMETRY,
    flags: ["--import", "./opentelemetry.mjs"],
    spansIn: printed,
  },
  {
    name: "OpenTelemetry (-r, CommonJS)",
    packages: OPENTELEMETRY,
    flags: ["-r", "./opentelemetry.cjs"],
    program: "app.cjs",
    spansIn: printed,
  },
  { name: "Sentry", packages: ["@sentry/node"], flags: ["--import", "./sentry.mjs"], spansIn: printed },
  {
    name: "Datadog (--import)",
    packages: ["dd-trace"],
    flags: ["--import", "dd-trace/initialize.mjs"],
    env: LOG,
    spansIn: datadogSpans,
  },
  {
    name: "Datadog (-r, CommonJS)",
    packages: ["dd-trace"],
    flags: ["-r", "dd-trace/init"],
    program: "app.cjs",
    env: LOG,
    spansIn: datadogSpans,
  },
  { name: "Datadog (no agent)", packages: ["dd-trace"], flags: ["--import", "dd-trace/initialize.mjs"], env: QUIET },
];

const root = resolve(import.meta.dirname, "..");

/** A program's folder, whose packages are links to those of `modules`. */
function programFolder(modules: string, packages: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "nagare-observability-"));
  for (const file of readdirSync(join(root, "scripts/observability"))) {
    cpSync(join(root, "scripts/observability", file), join(folder, file));
  }
  const link = (name: string, target: string): void => {
    const path = join(folder, "node_modules", name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path, "junction");
  };
  link("nagare", root);
  for (const name of ["express", ...packages]) link(name, join(modules, "node_modules", name));
  return folder;
}

/** Asks for each path over each version. Returns what was wrong. */
async function ask(port: number, fetchPort: number): Promise<string[]> {
  const wrong: string[] = [];
  for (const protocol of PROTOCOLS) {
    const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
    const expectAnswer = async (url: string, status: number, text: string, body?: string): Promise<void> => {
      const init = body === undefined ? {} : { method: "POST", body, headers: { "content-type": "application/json" } };
      const response = await client.fetch(url, init);
      const received = await response.text();
      if (response.status !== status || !received.includes(text)) {
        wrong.push(`${protocol} ${url}: ${response.status} ${received.slice(0, 80)}`);
      }
    };
    for (const { path, status, text, body } of REQUESTS) {
      await expectAnswer(`https://localhost:${port}${path}`, status, text, body);
    }
    await expectAnswer(`https://localhost:${fetchPort}/f`, 200, "fetched /f");
    client.destroy();
  }
  return wrong;
}

async function check(tool: Tool, modules: string): Promise<string[]> {
  const folder = programFolder(modules, tool.packages);
  try {
    const child = spawn(process.execPath, [...tool.flags, tool.program ?? "app.mjs"], {
      cwd: folder,
      env: { ...process.env, ...tool.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const exited = new Promise<number | string | null>((done) =>
      child.once("exit", (code, signal) => done(code ?? signal)),
    );
    const errors: string[] = [];
    createInterface(child.stderr).on("line", (line) => errors.push(line));
    const spans: string[] = [];
    const ports = new Promise<[number, number]>((done, fail) => {
      createInterface(child.stdout).on("line", (line) => {
        const found = /^ports (\d+) (\d+)$/.exec(line);
        if (found !== null) done([Number(found[1]), Number(found[2])]);
        else spans.push(...(tool.spansIn?.(line) ?? []));
      });
      exited.then((status) => fail(new Error(`the program ended (${status}): ${errors.slice(0, 8).join("\n")}`)));
    });
    let wrong: string[];
    try {
      wrong = await ask(...(await ports));
    } finally {
      child.stdin.end();
    }
    const status = await exited;
    if (status !== 0) wrong.push(`the program ended with ${status}: ${errors.slice(-8).join("\n")}`);
    return [...wrong, ...(tool.spansIn === undefined ? [] : problemsOf(spans))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each request to nagare/node must have one span. Datadog's have no version. */
function problemsOf(spans: readonly string[]): string[] {
  const hasVersions = spans[0]?.split(" ").length === 3;
  const expected = hasVersions
    ? ["1.1", "2.0", "3.0"].flatMap((version) => REQUESTS.map(({ path, status }) => `${version} ${path} ${status}`))
    : PROTOCOLS.flatMap(() => REQUESTS.map(({ path, status }) => `${path} ${status}`));
  const [found, wanted] = [spans, expected].map((list) => [...list].sort().join(", "));
  return found === wanted ? [] : [`spans: ${found === "" ? "none" : found}; expected: ${wanted}`];
}

const { values } = parseArgs({ options: { modules: { type: "string" } } });
if (values.modules === undefined) {
  process.stderr.write(
    "usage: npm run observability -- --modules DIR, with express and any of these in DIR/node_modules:\n" +
      `  ${[...new Set(TOOLS.flatMap(({ packages }) => packages))].join("\n  ")}\n`,
  );
  process.exit(2);
}
const modules = resolve(values.modules);
let hasFailed = false;
for (const tool of TOOLS) {
  const missing = ["express", ...tool.packages].filter((name) => !existsSync(join(modules, "node_modules", name)));
  if (missing.length > 0) {
    console.log(`skipped  ${tool.name}, for lack of ${missing.join(", ")}`);
    continue;
  }
  const problems = await check(tool, modules).catch((error: Error) => [error.message]);
  hasFailed ||= problems.length > 0;
  const spans = tool.spansIn === undefined ? "" : ", one span each";
  if (problems.length === 0) console.log(`ok       ${tool.name}: requests over ${PROTOCOLS.join(", ")}${spans}`);
  else console.log(`FAILED   ${tool.name}:\n${problems.map((problem) => `           ${problem}`).join("\n")}`);
}
process.exitCode = hasFailed ? 1 : 0;
