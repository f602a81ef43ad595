// Runs in Node's own test runner after a build: node --test .cache/examples/testing/node-test.js
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "nagare/testing";
import { createApp } from "./app.ts";

test("the warehouse responds on the second attempt", async () => {
  let calls = 0;
  const warehouse = () => (++calls < 2 ? undefined : 3);
  const { virtualTime } = await simulate(
    { seed: 7, link: { rtt: 80, loss: 0.02 }, createHandler: (kit) => createApp(kit, warehouse) },
    async (fetch) => {
      assert.deepEqual(await (await fetch("/tea")).json(), { item: "tea", stock: 3, attempt: 2 });
    },
  );
  assert.ok(virtualTime > 1_000);
});

test("each seed gives different losses", async () => {
  const times = new Set<number>();
  for (let seed = 1; seed <= 10; seed += 1) {
    const handler = () => new Response(new Uint8Array(100_000));
    const { virtualTime } = await simulate({ seed, link: { rtt: 80, loss: 0.05 }, handler }, async (fetch) => {
      assert.equal((await (await fetch("/")).arrayBuffer()).byteLength, 100_000);
    });
    times.add(virtualTime);
  }
  assert.ok(times.size > 1);
});
