/** A handler and `fetch` over HTTP/3 on a bad link: what arrives, when, and that runs are reproducible. */

import { describe, expect, test } from "vitest";
import { type Kit, type SimulatedFetch, type SimulateOptions, simulate } from "./index.ts";

const greet = () => new Response("hello");

/** A body of `chunks` pieces, produced only as fast as it is read. */
function stream(chunks: number, size: number): ReadableStream<Uint8Array> {
  let count = 0;
  return new ReadableStream({
    pull: (controller) => {
      count += 1;
      if (count > chunks) controller.close();
      else controller.enqueue(new Uint8Array(size).fill(count));
    },
  });
}

const bytesOf = async (fetch: SimulatedFetch, path: string): Promise<number> =>
  (await (await fetch(path)).arrayBuffer()).byteLength;

describe("a simulation", () => {
  test("returns the test's result, over HTTP/3", async () => {
    const { value } = await simulate({ handler: greet }, async (fetch, kit) => {
      const response = await fetch("/");
      return { text: await response.text(), protocol: kit.facts(response)?.protocol };
    });
    expect(value).toEqual({ text: "hello", protocol: "h3" });
  });

  test("takes two round trips: the QUIC handshake and the request", async () => {
    const { virtualTime } = await simulate({ link: { rtt: 300 }, handler: greet }, async (fetch) =>
      (await fetch("/")).text(),
    );
    expect(virtualTime).toBe(600);
  });

  test("calls the handler as serve does", async () => {
    const seen: unknown[] = [];
    const app = {
      prefix: "over ",
      fetch(request: Request, context: { protocol: string; remoteAddress: { address: string } }) {
        seen.push(request instanceof Request, request.method, request.url, context.remoteAddress.address);
        return new Response(this.prefix + context.protocol);
      },
    };
    const { value } = await simulate({ handler: app, origin: "https://shop.example:8443" }, async (fetch, kit) =>
      (await fetch(`${kit.origin}/cart?x=1`, { method: "DELETE" })).text(),
    );
    expect(value).toBe("over h3");
    expect(seen).toEqual([true, "DELETE", "https://shop.example:8443/cart?x=1", "10.0.0.1"]);
  });

  test("streams bodies both ways", async () => {
    const upper = (request: Request) =>
      new Response(
        request.body!.pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            transform: (chunk, controller) => controller.enqueue(chunk.map((byte) => byte + 1)),
          }),
        ),
      );
    const { value } = await simulate({ link: { rtt: 40, loss: 0.03 }, handler: upper }, async (fetch) => {
      const response = await fetch("/", { method: "POST", body: stream(20, 10_000), duplex: "half" });
      return new Uint8Array(await response.arrayBuffer());
    });
    expect(value).toHaveLength(200_000);
    expect([value[0], value.at(-1)]).toEqual([2, 21]);
  });

  test("lets a handler sleep without real waiting", async () => {
    const { value, virtualTime } = await simulate(
      {
        link: { rtt: 100 },
        createHandler: (kit) => async () => {
          await kit.sleep(60_000);
          return new Response(kit.date().toISOString());
        },
        startTime: new Date("2030-05-05T00:00:00Z"),
      },
      async (fetch) => {
        const response = await fetch("/");
        return [await response.text(), response.headers.get("date")];
      },
    );
    expect(virtualTime).toBe(60_200);
    expect(value).toEqual(["2030-05-05T00:01:00.150Z", "Sun, 05 May 2030 00:01:00 GMT"]);
  });

  test("fills a link at its rate", async () => {
    const { virtualTime } = await simulate(
      { link: { rtt: 40, rate: 1e6, queue: 60 }, handler: () => new Response(stream(100, 10_000)) },
      (fetch) => bytesOf(fetch, "/"),
    );
    // A million bytes at a million bits per second, plus some tenths of a second for headers.
    expect(virtualTime).toBeGreaterThan(8_000);
    expect(virtualTime).toBeLessThan(9_500);
  });

  test("has its own link in each direction", async () => {
    const clean = { rtt: 50, up: { rate: 1e6 } };
    const upload = await simulate(
      { link: clean, handler: async (r) => new Response(String((await r.arrayBuffer()).byteLength)) },
      (fetch) => fetch("/", { method: "POST", body: new Uint8Array(500_000) }).then((r) => r.text()),
    );
    const download = await simulate({ link: clean, handler: () => new Response(new Uint8Array(500_000)) }, (fetch) =>
      bytesOf(fetch, "/"),
    );
    expect(upload.virtualTime).toBeGreaterThan(4_000);
    expect(download.virtualTime).toBeLessThan(1_000);
  });

  test("survives an outage", async () => {
    const { value, virtualTime } = await simulate(
      {
        link: { rtt: 30, rate: 5e6, outages: [[200, 1_500]] },
        handler: () => new Response(stream(50, 10_000)),
      },
      (fetch) => bytesOf(fetch, "/"),
    );
    expect(value).toBe(500_000);
    expect(virtualTime).toBeGreaterThan(1_500);
  });

  test("waits for waitUntil promises without counting their time", async () => {
    let isDone = false;
    const { virtualTime } = await simulate(
      {
        link: { rtt: 20 },
        createHandler: (kit) => (_request, context) => {
          context.waitUntil(kit.sleep(5_000).then(() => (isDone = true)));
          return greet();
        },
      },
      async (fetch) => (await fetch("/")).text(),
    );
    expect(isDone).toBe(true);
    expect(virtualTime).toBe(40);
  });

  test("aborts a response whose body fails", async () => {
    const createHandler = (kit: Kit) => () => {
      const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
        if (kit.now() > 300) throw new Error("the disk failed");
        await kit.sleep(100);
        controller.enqueue(new Uint8Array(50_000));
      };
      return new Response(new ReadableStream({ pull }));
    };
    const { value } = await simulate({ createHandler, log: () => {} }, async (fetch) => {
      const response = await fetch("/");
      return [response.status, await response.arrayBuffer().catch((error: { code: string }) => error.code)];
    });
    expect(value).toEqual([200, "CONNECTION_LOST"]);
  });

  test("aborts a request at a virtual time, and the handler is notified", async () => {
    let reason: unknown;
    const { value } = await simulate(
      {
        link: { rtt: 20 },
        createHandler: (kit) => async (request) => {
          request.signal.addEventListener("abort", () => (reason = request.signal.reason));
          await kit.sleep(10_000);
          return greet();
        },
      },
      async (fetch, kit) => {
        const error = await fetch("/", { signal: kit.timeout(500) }).catch((thrown: unknown) => thrown);
        const at = kit.now();
        await kit.sleep(100);
        return { name: (error as Error).name, at };
      },
    );
    expect(value).toEqual({ name: "TimeoutError", at: 500 });
    expect(reason).toBeInstanceOf(Error);
  });
});

describe("the same seed", () => {
  const lossy: SimulateOptions = {
    seed: 7,
    link: { rtt: 50, loss: 0.05, reordering: 0.05, duplication: 0.02, rate: 10e6 },
    createHandler: (kit) => async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/echo") return new Response(request.body);
      if (pathname === "/stream") return new Response(stream(30, 4_000));
      await kit.sleep(kit.random() * 100);
      return Response.json({ at: kit.now() });
    },
  };
  const visit = async (fetch: SimulatedFetch, kit: Kit) => {
    const all = [
      bytesOf(fetch, "/stream"),
      bytesOf(fetch, "/a"),
      bytesOf(fetch, "/b"),
      fetch("/echo", { method: "POST", body: new Uint8Array(50_000) }).then((response) => response.arrayBuffer()),
    ];
    await Promise.all(all);
    return kit.now();
  };

  test("gives the same run, and another seed a different one", async () => {
    const first = await simulate(lossy, visit);
    expect(await simulate(lossy, visit)).toEqual(first);
    expect((await simulate({ ...lossy, seed: 8 }, visit)).digest).not.toBe(first.digest);
  });

  test("gives the same run on either engine", async () => {
    const { digest } = await simulate({ ...lossy, engine: "portable" }, visit);
    expect((await simulate({ ...lossy, engine: "pure" }, visit)).digest).toBe(digest);
  });

  test("gives the same run in parallel with others", async () => {
    const { digest } = await simulate(lossy, visit);
    const runs = await Promise.all([1, 2, 3].map((seed) => simulate({ ...lossy, seed: seed === 2 ? 7 : seed }, visit)));
    expect(runs[1]!.digest).toBe(digest);
    expect(new Set(runs.map((run) => run.digest)).size).toBe(3);
  });

  test("determines the losses and their cost", async () => {
    const time = async (seed: number, loss: number) => {
      const options = { seed, link: { rtt: 50, loss }, handler: () => new Response(stream(40, 10_000)) };
      return (await simulate(options, (fetch) => bytesOf(fetch, "/"))).virtualTime;
    };
    expect(await time(5, 0.1)).toBe(await time(5, 0.1));
    expect(await time(5, 0.1)).not.toBe(await time(6, 0.1));
    expect(await time(5, 0.1)).toBeGreaterThan(await time(5, 0));
    // Without loss the seed has no effect.
    expect(await time(5, 0)).toBe(await time(6, 0));
  });
});

test("a minute of lossy transfer arrives complete", async () => {
  const size = 12_000_000;
  const { value, virtualTime } = await simulate(
    {
      seed: 2,
      link: { rtt: 60, rate: 1.6e6, queue: 50, loss: 0.001 },
      handler: () => new Response(stream(size / 20_000, 20_000)),
    },
    (fetch) => bytesOf(fetch, "/"),
  );
  expect(value).toBe(size);
  expect(virtualTime).toBeGreaterThan(60_000);
});
