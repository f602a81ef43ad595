// Runs in vitest, like the other tests: npx vitest run examples/testing
import { simulate } from "nagare/testing";
import { expect, test } from "vitest";
import { createApp } from "./app.ts";

const BAD_TRAIN_WIFI = { rtt: 200, loss: 0.05, rate: 2e6 };

test("a response gets through bad wifi", async () => {
  const createHandler = () => createApp({ sleep: () => Promise.reject(new Error("unexpected")) }, () => 7);
  await simulate({ seed: 7, link: BAD_TRAIN_WIFI, createHandler }, async (fetch) => {
    expect(await (await fetch("/tea")).json()).toEqual({ item: "tea", stock: 7, attempt: 1 });
  });
});

test("a silent warehouse costs six virtual seconds", async () => {
  const run = () =>
    simulate(
      { seed: 7, link: BAD_TRAIN_WIFI, createHandler: (kit) => createApp(kit, () => undefined) },
      async (fetch) => {
        expect((await fetch("/tea")).status).toBe(503);
      },
    );
  const first = await run();
  expect(first.virtualTime).toBeGreaterThan(6_000);
  expect(await run()).toEqual(first);
});
