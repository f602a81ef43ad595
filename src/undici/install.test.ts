import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { promisify } from "node:util";
import * as undici from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type BuiltProgram, buildProgram } from "../../test/built-program.ts";
import { install } from "./index.ts";
import { onEnd, openWorld, type World } from "./testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

const { request } = undici;

test("install() gives Node's fetch and undici's functions HTTP/3, and http:// what was there before", async () => {
  const plain = createServer((_request, response) => response.end("plain"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  onEnd(() => new Promise((resolve) => plain.close(resolve)));
  const before = undici.getGlobalDispatcher();
  const uninstall = install({ protocols: ["h3"], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  const http = `http://127.0.0.1:${(plain.address() as { port: number }).port}/`;
  try {
    expect(await (await fetch(`${world.url}/echo`)).text()).toBe("h3 GET ");
    expect(await (await undici.fetch(`${world.url}/echo`)).text()).toBe("h3 GET ");
    expect(await (await request(`${world.url}/echo`)).body.text()).toBe("h3 GET ");
    expect(await (await fetch(http, { headers: { connection: "close" } })).text()).toBe("plain");
    expect(await (await request(http, { reset: true })).body.text()).toBe("plain");
  } finally {
    await uninstall();
  }
  expect(undici.getGlobalDispatcher()).toBe(before);
});

let built: BuiltProgram;
beforeAll(async () => {
  built = await buildProgram("src/undici/index.ts");
});
afterAll(() => built?.remove());

/** What a fresh process prints that imports nagare/undici. */
async function fresh(program: string): Promise<string> {
  const load = `const { install } = await import(${JSON.stringify(built.path)});`;
  const places = `["1", "2"].map((n) => globalThis[Symbol.for("undici.globalDispatcher." + n)]?.constructor.name)`;
  const text = `${load} const places = () => console.log(${places}.join());${program}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", text]);
  return stdout;
}

test("only install() sets the global dispatcher, not the import", async () => {
  expect(await fresh("places();")).toBe(",\n");
  expect(await fresh("install(); places();")).toBe("Agent,Agent\n");
});

test("a copy of undici that is loaded after install() has a dispatcher after it is undone", async () => {
  const ask = `await fetch("http://127.0.0.1:2/").catch((error) => console.log(error.cause.code));`;
  const program = `const undo = install(); const undici = await import("undici"); await undo();
    ${ask}${ask.replace("fetch", "undici.fetch")}`;
  expect(await fresh(program)).toBe("ECONNREFUSED\nECONNREFUSED\n");
});
