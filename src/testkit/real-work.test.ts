/**
 * Real work in a simulation: marked work is awaited while time stands still; unmarked work fails the test with advice.
 */

import * as crypto from "node:crypto";
import { scrypt, subtle } from "node:crypto";
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleepForReal } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Kit, simulate } from "./index.ts";

const visit = async (fetch: (path: string) => Promise<Response>) => (await fetch("/")).text();

const UNMARKED: [string, () => Promise<unknown>, RegExp][] = [
  ["a file", () => readFile(import.meta.filename), /a file operation/],
  ["a name", () => lookup("localhost"), /a name lookup/],
  [
    "a socket",
    () => new Promise((resolve) => connect({ host: "127.0.0.1", port: 1 }).on("error", resolve)),
    /a socket/,
  ],
  ["the thread pool", () => promisify(scrypt)("a", "b", 8), /work on the thread pool/],
  ["Web Cryptography", () => subtle.digest("SHA-256", new Uint8Array(2)), /work on the thread pool/],
  ["compression", () => promisify(gzip)("abc"), /compression on the thread pool/],
  ["a compressed stream", () => new Response(compressed("abc")).text(), /compression on the thread pool/],
  ["another thread", async () => new MessageChannel().port1.close(), /another thread/],
  ["a timer", () => new Promise((resolve) => setTimeout(resolve, 5)), /a real timer.*kit\.sleep/],
  ["a timer of node:timers", () => sleepForReal(5), /a real timer.*virtualGlobals/],
];

const compressed = (text: string) => new Response(text).body!.pipeThrough(new CompressionStream("gzip"));

describe.each(UNMARKED)("%s", (_what, work, message) => {
  const unmarked = { code: "UNMARKED_REAL_WORK", message: expect.stringMatching(message) };
  const withLocation = { message: expect.stringContaining("real-work.test.ts") };

  test("in a handler fails, with the location and a remedy", async () => {
    const handler = async () => {
      await work();
      return new Response();
    };
    const run = simulate({ seed: 9, handler, log: () => {} }, visit);
    await expect(run).rejects.toMatchObject({ ...unmarked, seed: 9 });
    await expect(run).rejects.toMatchObject(withLocation);
  });

  test("in a test fails", async () => {
    await expect(simulate({ handler: () => new Response() }, () => work())).rejects.toMatchObject(unmarked);
  });

  test.each([
    ["as a function", (kit: Kit) => kit.real(work)],
    ["as a promise", (kit: Kit) => kit.real(work())],
  ])("marked %s is awaited and takes no virtual time", async (_how, marked) => {
    const { virtualTime } = await simulate(
      {
        createHandler: (kit) => async () => {
          await marked(kit);
          return new Response("done");
        },
        link: { rtt: 20 },
      },
      visit,
    );
    expect(virtualTime).toBe(40);
  });
});

test("synchronous work needs no mark", async () => {
  const handler = () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync("x25519");
    crypto.diffieHellman({ publicKey, privateKey });
    return new Response(`${gzipSync("abc").length} ${crypto.randomBytes(4).length} ${crypto.randomUUID().length}`);
  };
  expect((await simulate({ handler }, visit)).value).toBe("23 4 36");
});

test("the bodies of Response and Request need no mark", async () => {
  const handler = async (request: Request) => {
    const form = await request.formData();
    return new Response(new Blob([String(form.get("name")), "!"]));
  };
  const { value } = await simulate({ handler }, async (fetch) => {
    const body = new FormData();
    body.set("name", "water");
    return (await fetch("/", { method: "POST", body })).text();
  });
  expect(value).toBe("water!");
});

test("the console needs no mark", async () => {
  const before = [console.info, process.stdout.write];
  const handler = () => {
    console.info("from a simulation");
    process.stdout.write("");
    return new Response("said");
  };
  expect((await simulate({ handler }, visit)).value).toBe("said");
  expect([console.info, process.stdout.write]).toEqual(before);
});

test("results arrive in the order in which work was started", async () => {
  const order: string[] = [];
  await simulate({ handler: () => new Response() }, async (_fetch, kit) => {
    const slow = kit.real(() => sleepForReal(20)).then(() => order.push("slow"));
    const fast = kit.real(() => Promise.resolve()).then(() => order.push("fast"));
    await Promise.all([slow, fast]);
  });
  expect(order).toEqual(["slow", "fast"]);
});

test("the rejection of marked work arrives", async () => {
  const { value } = await simulate({ handler: () => new Response() }, (_fetch, kit) =>
    kit.real(() => readFile("/does/not/exist")).catch((error: NodeJS.ErrnoException) => error.code),
  );
  expect(value).toBe("ENOENT");
});

test("marked work that waits for virtual time is reported", async () => {
  const run = simulate({ handler: () => new Response(), realTimeout: 20 }, (_fetch, kit) => kit.real(kit.sleep(5)));
  await expect(run).rejects.toMatchObject({
    code: "REAL_WORK_TIMEOUT",
    message: expect.stringContaining("must not be marked"),
  });
});

test("work outside a simulation is ignored", async () => {
  const run = simulate({ handler: () => new Response("in") }, async (fetch, kit) => {
    for (let i = 0; i < 50; i += 1) await kit.sleep(1);
    return visit(fetch);
  });
  const [{ value }] = await Promise.all([run, readFile(import.meta.filename), sleepForReal(1)]);
  expect(value).toBe("in");
});
