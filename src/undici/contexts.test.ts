/** AsyncLocalStorage: what the client calls for a request sees its caller's context, although requests share connections. */
import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { onEnd, openAgent, openWorld, PROTOCOLS } from "./testing/world.ts";

const storage = new AsyncLocalStorage<string>();

test.each(PROTOCOLS)("bodies and handlers run in the context of their request over %s", async (protocol) => {
  const { url } = await openWorld();
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  onEnd(async () => client.destroy());
  const agent = openAgent({ protocols: [protocol] });
  const wrong: string[] = [];

  const ask = async (id: string): Promise<void> => {
    const note = (place: string): void => {
      const store = storage.getStore();
      if (store !== id) wrong.push(`${id} saw ${store} in ${place}`);
    };
    let chunks = 3;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        note("pull");
        if (chunks-- > 0) controller.enqueue(new Uint8Array(20_000));
        else controller.close();
      },
    });
    await (await client.fetch(`${url}/echo`, { method: "POST", body })).text();
    await new Promise<void>((resolve, reject) => {
      const handler = {
        onRequestStart: () => note("onRequestStart"),
        onResponseStart: () => note("onResponseStart"),
        onResponseData: () => note("onResponseData"),
        onResponseEnd: () => {
          note("onResponseEnd");
          resolve();
        },
        onResponseError: (_controller: unknown, error: Error) => reject(error),
      };
      agent.dispatch({ origin: url, path: "/echo", method: "GET" }, handler);
    });
  };

  const ids = Array.from({ length: 20 }, (_each, index) => `request ${index}`);
  await Promise.all(ids.map((id) => storage.run(id, () => ask(id))));
  expect(wrong).toEqual([]);
});
