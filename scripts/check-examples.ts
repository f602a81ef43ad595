/**
 * `npm run check-examples`: starts each compiled example in a shell, as `npm run examples` does, sends it a request over
 * HTTP/1.1, HTTP/2 and HTTP/3, then ends the shell and expects the example to stop. Names of examples narrow the list.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { createClient } from "nagare/client";

const VERSIONS = [
  ["http/1.1", /HTTP\/1\.1|http\/1\.1/],
  ["h2", /HTTP\/2\.0|h2/],
  ["h3", /HTTP\/3\.0|h3/],
] as const;
/** Milliseconds for one example. */
const LIMIT = 60_000;

interface Example {
  readonly path?: string;
  readonly init?: RequestInit;
  /** Expected content; by default, content that names the HTTP version. */
  readonly content?: RegExp;
}

const JSON_TYPE = { "content-type": "application/json" };

const EXAMPLES: Readonly<Record<string, Example>> = {
  connect: {
    path: "/chat.Chat/Say",
    init: { method: "POST", headers: JSON_TYPE, body: '{"text":"hello"}' },
    content: /^\{\}$/,
  },
  cursors: { content: /new WebTransport/ },
  express: {},
  fastify: {},
  geo: {},
  hono: {},
  koa: {},
  nest: {},
  notices: {},
  next: { content: /<h1>hello from Next on / },
  replay: {},
  priorities: {},
  sse: { content: /new EventSource/ },
  trpc: { path: "/hello" },
  upload: { content: /Uploads that resume/ },
  workers: {},
  "ws-chat": { content: /new WebSocket/ },
  "wt-chat": { content: /new WebTransport/ },
  yoga: { path: "/graphql?query=%7Bhello%7D" },
};

/** Resolves with the first line that is a URL. */
async function urlIn(lines: AsyncIterable<string>): Promise<URL> {
  for await (const line of lines) if (line.startsWith("https://")) return new URL(line);
  throw new Error("it ended without printing a URL");
}

async function check(name: string): Promise<void> {
  const { path = "/", init = {}, content } = EXAMPLES[name]!;
  // A command after it keeps the shell from replacing itself with node.
  const shell = spawn("sh", ["-c", `node scripts/run-example.mjs ${name}; true`], {
    env: { ...process.env, NODE_ENV: "production", PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  // Emitted once no process holds the pipe.
  const closed = once(shell, "close");
  let stopped = false;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.kill(-shell.pid!, "SIGKILL");
  }, LIMIT);
  try {
    const url = await urlIn(createInterface({ input: shell.stdout }));
    shell.stdout.resume();
    for (const [protocol, version] of VERSIONS) {
      const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
      const response = await client.fetch(new URL(path, url), init);
      const text = await response.text();
      await client.close();
      if (response.status !== 200 || !(content ?? version).test(text)) {
        throw new Error(`over ${protocol}: ${response.status} ${text}`);
      }
    }
    shell.kill();
    await closed;
    stopped = !late;
    if (late) throw new Error("it did not stop after its parent");
  } finally {
    clearTimeout(timer);
    if (!stopped && !late) process.kill(-shell.pid!, "SIGKILL");
  }
}

const given = process.argv.slice(2);
const names = given.length > 0 ? given : Object.keys(EXAMPLES);
let failures = 0;
for (const name of names) {
  if (name === "next" && !existsSync("examples/next/.next/BUILD_ID")) {
    console.log("skipped  next: run npm ci --prefix examples/next && npm run build --prefix examples/next");
    continue;
  }
  try {
    await check(name);
    console.log(`ok       ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAILED   ${name}: ${error instanceof Error ? error.message : error}`);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
