/** Errors in tests, options and handlers are reported with the seed, a code and the cause. */

import { describe, expect, test } from "vitest";
import { ClientError } from "../client/index.ts";
import { SimulateError, type SimulateOptions, type SimulateProblem, simulate } from "./index.ts";

const greet = () => new Response("hello");
const visit = async (fetch: (path: string) => Promise<Response>) => (await fetch("/")).text();

async function failure(options: SimulateOptions, run: Parameters<typeof simulate>[1] = visit): Promise<SimulateError> {
  const thrown = await simulate({ log: () => {}, ...options }, run).then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(SimulateError);
  return thrown as SimulateError;
}

describe("a failing test", () => {
  test("names its seed and keeps the cause, its location and its diff", async () => {
    const error = await failure({ seed: 42, handler: greet }, async (fetch) => {
      expect((await fetch("/")).status).toBe(201);
    });
    expect(error.code).toBe("TEST_FAILED");
    expect(error.seed).toBe(42);
    expect(error.message).toMatch(/^seed 42: expected 200 to be 201/);
    expect(error.stack).toContain("failures.test.ts");
    expect(error).toMatchObject({ actual: 200, expected: 201 });
    expect(Object.getOwnPropertyDescriptor(error, "expected")).toMatchObject({ writable: true, configurable: true });
    expect((error.cause as Error).name).toBe("AssertionError");
  });

  test("reports what the handler threw, which the client sees as a 500", async () => {
    const lines: string[] = [];
    const handler = () => {
      throw new Error("no database");
    };
    const { value } = await simulate(
      { handler, log: (line) => lines.push(line) },
      async (fetch) => (await fetch("/")).status,
    );
    expect(value).toBe(500);
    expect(lines.join()).toContain("no database");
    const error = await failure({ handler }, async (fetch) => expect((await fetch("/")).status).toBe(200));
    expect(error.message).toContain("(the handler threw Error: no database)");
  });

  test("may fail in a timer", async () => {
    const error = await failure({ handler: greet }, async (_fetch, kit) => {
      kit.setTimeout(() => {
        throw new Error("late");
      }, 10);
      await kit.sleep(50);
    });
    expect(error.message).toBe("seed 1: late");
  });

  test("may throw any value", async () => {
    const error = await failure({ handler: greet }, () => Promise.reject("text"));
    expect(error).toMatchObject({ code: "TEST_FAILED", message: "seed 1: text", cause: "text" });
  });
});

describe("the client reports its own errors", () => {
  test.each([
    ["another server", "https://elsewhere.test/", "NAME_NOT_FOUND"],
    ["http", "http://server.test/", "PROTOCOL_UNAVAILABLE"],
  ])("for %s", async (_what, url, code) => {
    const { cause } = await failure({ handler: greet }, (fetch) => fetch(url));
    expect(cause).toBeInstanceOf(ClientError);
    expect(cause).toMatchObject({ code });
  });

  test("for a link that carries nothing", async () => {
    const { cause } = await failure({ link: { loss: 1 }, handler: greet });
    expect(cause).toMatchObject({ code: "CONNECT_TIMEOUT" });
  });

  test("for a response that does not arrive", async () => {
    const options = { client: { headersTimeout: 2_000 }, handler: () => new Promise<Response>(() => {}) };
    const { cause } = await failure(options);
    expect(cause).toMatchObject({ code: "RESPONSE_TIMEOUT" });
  });
});

describe("a test that does not end", () => {
  test("fails when no events are left", async () => {
    const error = await failure({ handler: greet }, () => new Promise(() => {}));
    expect(error.code).toBe("NOTHING_LEFT");
  });

  test("fails when its virtual time is up", async () => {
    const error = await failure({ handler: greet, maxVirtualTime: 5_000 }, async (_fetch, kit) => {
      for (;;) await kit.sleep(100);
    });
    expect(error).toMatchObject({ code: "TIME_LIMIT", message: expect.stringContaining("5000 ms") });
  });

  test("fails when it never lets time advance", async () => {
    const error = await failure({ handler: greet }, async () => {
      for (;;) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(error.code).toBe("NEVER_IDLE");
  });
});

test("a kit is unusable after the simulation", async () => {
  const { value: kit } = await simulate({ handler: greet }, (_fetch, given) => given);
  await expect(kit.sleep(1)).rejects.toMatchObject({ code: "SIMULATION_OVER" satisfies SimulateProblem });
});

describe("an option", () => {
  const wrong: [string, object, RegExp][] = [
    ["an invalid seed", { seed: -1 }, /^seed must be a whole number/],
    ["a fraction as seed", { seed: 0.5 }, /^seed must be/],
    ["an impossible loss", { link: { loss: 2 } }, /^link\.loss must be a probability from 0 to 1, not 2$/],
    ["a loss of NaN", { link: { loss: Number.NaN } }, /^link\.loss/],
    ["a negative time", { link: { rtt: -1 } }, /^link\.rtt must be milliseconds/],
    ["an endless time", { link: { rtt: Number.POSITIVE_INFINITY } }, /^link\.rtt must be/],
    ["a rate of zero", { link: { rate: 0 } }, /^link\.rate must be bits per second/],
    ["an invalid loss in one direction", { link: { up: { loss: "0.1" } } }, /^link\.up\.loss must be/],
    ["a path too narrow for QUIC", { link: { mtu: 576 } }, /^link\.mtu/],
    ["an outage without an end time", { link: { outages: [[5]] } }, /^link\.outages/],
    ["an unknown name", { link: { lost: 0.1 } }, /^link\.lost is unknown; the options are rtt, up, down, loss/],
    ["another engine", { engine: "fast" }, /^engine must be "portable" or "pure", not fast$/],
    ["an origin over http", { origin: "http://a.test" }, /^origin must be https/],
    ["an origin with a path", { origin: "https://a.test/x" }, /^origin must be https/],
    ["an invalid date", { startTime: new Date("never") }, /^startTime/],
    ["an infinite limit", { maxVirtualTime: Number.POSITIVE_INFINITY }, /^maxVirtualTime must be milliseconds/],
    ["no handler", { handler: undefined }, /^simulate needs either a handler or createHandler/],
    ["two handlers", { createHandler: () => greet }, /^simulate needs either a handler or createHandler/],
    ["an invalid handler", { handler: "hello" }, /^the handler must be a function/],
  ];
  test.each(wrong)("is refused: %s", async (_what, options, message) => {
    const error = await failure({ handler: greet, ...options } as SimulateOptions);
    expect(error.code).toBe("OPTION_INVALID");
    expect(error.message).toMatch(message);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("of a timer is refused: %d ms", async (milliseconds) => {
    const { cause } = await failure({ handler: greet }, (_fetch, kit) => kit.sleep(milliseconds));
    expect(cause).toMatchObject({ code: "OPTION_INVALID" });
  });
});
