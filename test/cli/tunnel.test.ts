// `nagare tunnel` and `nagare get --via-udp`, with a proxy of our own.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InterruptSignal, Io } from "../../src/cli/io.ts";
import { runCli } from "../../src/cli/program.ts";
import { createUdpProxy } from "../../src/edge/connect-udp/index.ts";
import { type Server, serve } from "../../src/edge/index.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { run } from "./run.ts";

const echo = createSocket("udp4");
let site: Server;
let proxy: Server;
let via: string;
let target: string;

beforeAll(async () => {
  echo.on("message", (message, from) => echo.send(message, from.port, from.address));
  echo.bind(0, "127.0.0.1");
  await once(echo, "listening");
  target = `127.0.0.1:${echo.address().port}`;
  site = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity },
    (_, { protocol }) => new Response(protocol),
  );
  const udp = createUdpProxy({ allow: [target, `127.0.0.1:${site.port}`] });
  proxy = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (request, context) => {
    if (request.headers.get("x-token") !== "t") return new Response("no token", { status: 401 });
    return udp.fetch(request, context);
  });
  via = `https://127.0.0.1:${proxy.port}`;
});

afterAll(async () => {
  await proxy.close({ timeout: 0 });
  await site.close({ timeout: 0 });
  echo.close();
});

const TOKEN = ["-H", "x-token: t"];

/** Runs the command until `use` is done with its first line of output, then interrupts it. */
async function whileRunning(args: readonly string[], use: (line: string) => Promise<void>): Promise<number> {
  const listeners = new Set<(signal: InterruptSignal) => void>();
  let onLine: (line: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    onLine = resolve;
  });
  const io: Io = {
    stdin: new PassThrough(),
    stdout: new Writable({
      write(chunk: Buffer, _encoding, callback) {
        onLine(chunk.toString().trim());
        callback();
      },
    }),
    stderr: new Writable({ write: (_chunk, _encoding, callback) => callback() }),
    env: {},
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const code = runCli(args, io);
  await use(await first);
  for (const listener of [...listeners]) listener("SIGINT");
  const exitCode = await code;
  process.exitCode = undefined; // otherwise that of the test runner
  return exitCode;
}

describe("nagare tunnel", () => {
  test.each([["--http1.1"], ["--http2"], ["--http3-only"]])("%s: prints the port, and forwards", async (version) => {
    const exitCode = await whileRunning(["tunnel", target, "--via", via, "-k", version, ...TOKEN], async (line) => {
      const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(line)!;
      const local = createSocket("udp4");
      const answer = once(local, "message");
      local.send("hello", Number(port), "127.0.0.1");
      expect(String(((await answer) as [Buffer])[0])).toBe("hello");
      local.close();
    });
    expect(exitCode).toBe(0);
  });

  test("--json prints events", async () => {
    await whileRunning(["tunnel", target, "--via", via, "-k", "--http2", "--json", ...TOKEN], async (line) => {
      expect(JSON.parse(line)).toMatchObject({ event: "listening", target, protocol: "h2" });
    });
  });

  test.each([
    [["tunnel", "127.0.0.1:1", "-k", "--http2", ...TOKEN], 1, "answered 403 instead of opening the tunnel"],
    [["tunnel", "127.0.0.1:1", "-k", "--http2"], 1, "answered 401"],
    [["tunnel", "127.0.0.1", "-k"], 2, '"127.0.0.1" is not a target for UDP; give a host and a port'],
    [["tunnel", "a.test:1", "--listen", "nowhere"], 2, "--listen nowhere is not an address with a port"],
    [["tunnel", "a.test:1", "-H", "nothing"], 2, '-H "nothing" is not a header field'],
  ])("%j exits with %i", async (args, exitCode, message) => {
    const result = await run([...args, "--via", via]);
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(message)]);
  });

  test("needs a proxy, and a valid template", async () => {
    expect(await run(["tunnel", "a.test:1"])).toMatchObject({ exitCode: 2 });
    expect(await run(["tunnel", "a.test:1", "--via", "https://a.test/x"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("lacks the variable {target_host}"),
    });
  });
});

describe("nagare get --via-udp", () => {
  test.each([["--via-http1.1"], ["--via-http2"], ["--via-http3-only"]])("HTTP/3 through %s", async (version) => {
    const url = `https://127.0.0.1:${site.port}/`;
    const args = ["get", "-k", "--via-udp", via, "--via-insecure", "--via-header", "x-token: t", version, url];
    expect(await run(args)).toMatchObject({ exitCode: 0, stdout: "h3" });
  });

  test.each([
    [["get", "--via-http2", "https://a.test/"], "the --via- options need a proxy"],
    [["get", "--via-udp", "https://a.test/x", "https://a.test/"], "lacks the variable"],
    [["get", "--via-udp", "https://a.test", "--http2", "https://a.test/"], "--http2"],
  ])("%j is a usage error", async (args, message) => {
    expect(await run(args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });
});
