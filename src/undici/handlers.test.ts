// Both handler interfaces by hand: order, once each, aborts, pauses.
import { Readable } from "node:stream";
import { beforeEach, describe, expect, test } from "vitest";
import type { Protocol } from "../host/client/session.ts";
import type { Agent } from "./index.ts";
import { LONG, openAgent, openWorld, PROTOCOLS, type World } from "./testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

interface Controls {
  abort(reason?: unknown): void;
  resume(): void;
}

interface Script {
  /** Called with each event, after it was recorded. Returns true to pause. */
  readonly on?: (event: string, controls: Controls, detail: unknown) => unknown;
}

type NewController = Controls & { pause(): void; rawHeaders: Buffer[]; rawTrailers: Buffer[]; aborted: boolean };

/** The events of a dispatch, recorded by a handler of either interface, until the last one. */
const INTERFACES = {
  old: (agent: Agent, options: object, { on }: Script) =>
    new Promise<[string, unknown][]>((resolve) => {
      const events: [string, unknown][] = [];
      let abort: Controls["abort"] = () => {};
      let resume = (): void => {};
      const record = (event: string, detail: unknown): boolean => {
        events.push([event, detail]);
        return on?.(event, { abort: (reason) => abort(reason), resume: () => resume() }, detail) !== true;
      };
      const handler = {
        onConnect(given: Controls["abort"]) {
          abort = given;
          record("start", undefined);
        },
        onHeaders(status: number, raw: Buffer[], given: () => void, statusText: string) {
          resume = given;
          expect(raw.every(Buffer.isBuffer)).toBe(true);
          return record(status < 200 ? "informational" : "head", [status, statusText]);
        },
        onData: (chunk: Buffer) => record("data", chunk),
        onComplete(raw: Buffer[]) {
          record("end", raw.map(String));
          resolve(events);
        },
        onError(error: Error) {
          record("error", error);
          resolve(events);
        },
      };
      agent.dispatch({ origin: world.url, method: "GET", ...options } as never, handler as never);
    }),
  new: (agent: Agent, options: object, { on }: Script) =>
    new Promise<[string, unknown][]>((resolve) => {
      const events: [string, unknown][] = [];
      const record = (event: string, detail: unknown, controller: NewController): void => {
        events.push([event, detail]);
        const controls = {
          abort: (reason?: unknown) => controller.abort(reason),
          resume: () => controller.resume(),
        };
        if (on?.(event, controls, detail) === true) controller.pause();
      };
      const handler = {
        onRequestStart: (controller: NewController) => record("start", undefined, controller),
        onResponseStart(controller: NewController, status: number, headers: object, statusText: string) {
          expect(controller.rawHeaders.every(Buffer.isBuffer)).toBe(true);
          expect(new Set(Object.keys(headers)).size * 2).toBeLessThanOrEqual(controller.rawHeaders.length);
          record(status < 200 ? "informational" : "head", [status, statusText], controller);
        },
        onResponseData: (controller: NewController, chunk: Buffer) => record("data", chunk, controller),
        onResponseEnd(controller: NewController) {
          record("end", controller.rawTrailers.map(String), controller);
          resolve(events);
        },
        onResponseError(controller: NewController, error: Error) {
          record("error", error, controller);
          resolve(events);
        },
      };
      agent.dispatch({ origin: world.url, method: "GET", ...options } as never, handler as never);
    }),
};

const open = (protocol: Protocol): Agent => openAgent({ protocols: [protocol] });
const names = (events: [string, unknown][]): string[] => events.map(([name]) => name);
const cases = PROTOCOLS.flatMap((protocol) => [
  { protocol, version: "old" as const },
  { protocol, version: "new" as const },
]);

describe.each(cases)("the $version interface over $protocol", ({ protocol, version }) => {
  const run = (options: object, on?: Script["on"]) =>
    INTERFACES[version](open(protocol), options, on === undefined ? {} : { on });

  test("each callback once, in order, with raw trailers and no status text above HTTP/1.1", async () => {
    const events = await run({ path: "/trailers", headers: ["te", "trailers"] });
    expect(names(events)).toEqual(["start", "head", "data", "end"]);
    expect(events[1]![1]).toEqual([200, protocol === "http/1.1" ? "OK" : ""]);
    expect(events[3]![1]).toEqual(["x-sum", "42"]);
  });

  test("a pause on an informational response does not hold back the final one", async () => {
    const events = await run({ path: "/early" }, (event) => event === "informational");
    expect(names(events)).toEqual(["start", "informational", "head", "data", "end"]);
  });

  test("a pause on every event, with a later resume, loses nothing", async () => {
    const events = await run({ path: "/long" }, (event, { resume }) => {
      if (event !== "head" && event !== "data") return false;
      setImmediate(() => resume());
      return true;
    });
    const chunks = events.filter(([name]) => name === "data").map(([, chunk]) => chunk as Buffer);
    expect(Buffer.concat(chunks).equals(LONG)).toBe(true);
    expect(names(events).at(-1)).toBe("end");
  });

  test.each(["start", "head", "data"])("after an abort on %s only the error follows, once", async (phase) => {
    const reason = new Error("enough");
    const events = await run({ path: "/stalls" }, (event, { abort }) => {
      if (event === phase) abort(reason);
      if (event === phase) abort(new Error("a second time"));
    });
    const before = ["start", "head", "data"];
    expect(names(events)).toEqual([...before.slice(0, before.indexOf(phase) + 1), "error"]);
    expect(events.at(-1)![1]).toBe(reason);
  });

  test.each(["start", "head", "data"])("an exception on %s ends the request with it", async (phase) => {
    const thrown = new Error("a fault of the handler");
    const events = await run({ path: "/stalls" }, (event) => {
      if (event === phase) throw thrown;
    });
    expect(events.at(-1)).toEqual(["error", thrown]);
  });

  test("an abort without a reason, while the request's body waits, destroys the body", async () => {
    const body = new Readable({ read() {} });
    const events = await run({ path: "/echo", method: "POST", body }, (event, { abort }) => {
      if (event === "start") setImmediate(() => abort());
    });
    expect(events.at(-1)![1]).toMatchObject({ name: "AbortError", code: "UND_ERR_ABORTED" });
    expect(body.destroyed).toBe(true);
  });
});

test("a paused response holds its sender back", async () => {
  for (const protocol of PROTOCOLS) {
    let bytes = 0;
    const agent = open(protocol);
    const paused = await new Promise<Controls>((resolve) => {
      void INTERFACES.new(
        agent,
        { path: "/long" },
        {
          on: (event, controls, detail) => {
            if (event === "data") bytes += (detail as Buffer).length;
            if (event === "head") resolve(controls);
            return event === "head";
          },
        },
      );
    });
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(bytes).toBeLessThan(LONG.length);
    paused.abort();
  }
});

test("dispatch returns false above 64 waiting requests, and drain follows", async () => {
  const agent = openAgent({ protocols: ["h2"] });
  const drained = new Promise((resolve) => agent.once("drain", resolve));
  const answers: boolean[] = [];
  const done = Array.from(
    { length: 70 },
    () =>
      new Promise<void>((resolve, reject) => {
        const handler = {
          onRequestStart() {},
          onResponseEnd: () => resolve(),
          onResponseError: (_: unknown, e: Error) => reject(e),
        };
        answers.push(agent.dispatch({ origin: world.url, path: "/echo", method: "GET" }, handler));
      }),
  );
  expect(answers.indexOf(false)).toBe(63);
  await Promise.all([drained, ...done]);
  expect(agent.connections()).toHaveLength(1);
});
