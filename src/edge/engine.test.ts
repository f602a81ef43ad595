/** A server's engine: chosen, demanded, or replaced by the portable one with one line. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ClientOptions, createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.doUnmock("koffi");
});

/** The modules anew, since an engine is probed once per process. */
async function freshServe() {
  vi.resetModules();
  return (await import("./serve.ts")).serve;
}

const options = { port: 0, host: "127.0.0.1", ...localhostIdentity } as const;

async function get(port: number, more: ClientOptions = {}): Promise<string> {
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false, ...more });
  try {
    return await (await client.fetch(`https://127.0.0.1:${port}/`)).text();
  } finally {
    await client.destroy();
  }
}

test.each(["portable", "auto"] as const)("serve({ engine: %j }) and a client with it speak HTTP/3", async (engine) => {
  const lines: string[] = [];
  const serve = await freshServe();
  await using server = await serve(
    { ...options, engine, log: (line) => lines.push(line) },
    (_request, { connection }) => new Response(String(connection!.stats().ecn)),
  );
  const ecn = await get(server.port, { engine });
  if (engine === "portable") expect(ecn).toBe("off");
  else expect(["off", "testing", "unknown", "capable"]).toContain(ecn);
  expect(lines).toEqual([]);
});

test("an unknown engine is an error before anything is bound", async () => {
  const serve = await freshServe();
  const handler = () => new Response();
  await expect(serve({ ...options, engine: "turbo" as "auto" }, handler)).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: 'engine: "turbo" is not an engine: give "auto", "portable" or "fast"',
  });
  vi.stubEnv("NAGARE_ENGINE", "turbo");
  await expect(serve(options, handler)).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: 'NAGARE_ENGINE=turbo is not an engine: give "auto", "portable" or "fast"',
  });
  expect(() => createClient()).toThrow("NAGARE_ENGINE=turbo is not an engine");
  await using tcp = await serve({ ...options, protocols: ["h2", "http/1.1"] }, handler);
  expect(tcp.protocols).toEqual(["h2", "http/1.1"]);
});

describe.skipIf(process.platform !== "linux")("if koffi's library cannot be loaded", () => {
  beforeEach(() => {
    vi.doMock("koffi", () => ({
      get default(): never {
        throw new Error("cannot open shared object file");
      },
    }));
  });

  test("servers use the portable engine, and the process says so once", async () => {
    vi.stubEnv("NAGARE_ENGINE", "auto");
    const lines: string[] = [];
    const serve = await freshServe();
    for (let i = 0; i < 2; i += 1) {
      await using server = await serve({ ...options, log: (line) => lines.push(line) }, () => new Response("here"));
      expect(await get(server.port)).toBe("here");
    }
    expect(lines).toEqual([
      "nagare: portable engine: koffi cannot be loaded: cannot open shared object file (npm install koffi)",
    ]);
  });

  test("a server that demands the fast engine does not start", async () => {
    vi.stubEnv("NAGARE_ENGINE", "fast");
    const serve = await freshServe();
    await expect(serve(options, () => new Response())).rejects.toMatchObject({
      name: "ServeError",
      code: "OPTION_INVALID",
      message:
        "the fast engine was demanded (NAGARE_ENGINE=fast), but koffi cannot be loaded: cannot open shared object file: npm install koffi",
    });
  });

  test("a server that demands the portable engine says nothing", async () => {
    const lines: string[] = [];
    const serve = await freshServe();
    await using server = await serve(
      { ...options, engine: "portable", log: (line) => lines.push(line) },
      () => new Response("here"),
    );
    expect(await get(server.port, { engine: "portable" })).toBe("here");
    expect(lines).toEqual([]);
  });
});
