// `nagare tunnel` and `nagare get --via-udp`, with a proxy of our own.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createUdpProxy } from "../../src/edge/connect-udp/index.ts";
import { type Server, serve } from "../../src/edge/index.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { run } from "./run.ts";
import { whileRunning } from "./while-running.ts";

const echo = createSocket("udp4");
let site: Server;
let proxy: Server;
let via: string;
let target: string;
let refuses = false;

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
    // An escape sequence of eight bits, which terminals obey.
    if (refuses) return new Response(null, { status: 403, headers: { "proxy-status": "evil\u009b2J" } });
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

  test("a local port in use is a failure, not a usage error", async () => {
    const result = await run(["tunnel", target, "--via", via, "-k", "--http2", "--listen", target, ...TOKEN]);
    const message = `UDP port ${echo.address().port} of 127.0.0.1 is in use; choose another port`;
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringContaining(message)]);
  });

  test("shows what a proxy says without its control characters", async () => {
    let onError: (text: string) => void = () => undefined;
    const use = async (line: string): Promise<void> => {
      const failed = new Promise<string>((resolve) => {
        onError = resolve;
      });
      refuses = true;
      const local = createSocket("udp4");
      local.send("hello", Number(line.split(":")[1]), "127.0.0.1");
      const text = await failed;
      refuses = false;
      expect(text).toContain("answered 403");
      expect(text).toContain("evil\\x9b2J");
      local.close();
    };
    await whileRunning(["tunnel", target, "--via", via, "-k", "--http2", ...TOKEN], use, (text) => onError(text));
  });

  test("needs a proxy, and a valid template", async () => {
    expect(await run(["tunnel", "a.test:1"])).toMatchObject({ exitCode: 2 });
    expect(await run(["tunnel", "a.test:1", "--via", "https://a.test/x"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("lacks the variable {target_host}"),
    });
    const elsewhere = "https://a.test:99999/{target_host}/{target_port}";
    expect(await run(["tunnel", "a.test:1", "--via", elsewhere])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("has an invalid host or port"),
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
