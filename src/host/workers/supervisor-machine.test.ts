/** The supervisor's decisions, in virtual time. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { type Instant, instant, millis, seconds } from "../../base/time.ts";
import { type Place, placeName } from "./place.ts";
import { type Failure, type SupervisorCommand, SupervisorMachine } from "./supervisor-machine.ts";

const WORKERS = 2;
const DRAIN_TIMEOUT = seconds(300);
const broken: Failure = { name: "ServeError", code: "MODULE_INVALID", message: "no handler", isConfiguration: true };

const place = (generation: number, worker: number): Place => ({ generation, worker });

/** A machine with a clock, and the processes that it asked for. */
class Workers {
  now: Instant = instant(0);
  readonly machine = new SupervisorMachine({ workers: WORKERS, drainTimeout: DRAIN_TIMEOUT }, this.now);
  readonly commands: SupervisorCommand[] = [];

  /** The commands since the last call. */
  take(): SupervisorCommand[] {
    for (let next = this.machine.pollCommand(); next !== undefined; next = this.machine.pollCommand()) {
      this.commands.push(next);
    }
    return this.commands.splice(0);
  }

  of<T extends SupervisorCommand["type"]>(type: T): Extract<SupervisorCommand, { type: T }>[] {
    return this.take().filter((command): command is Extract<SupervisorCommand, { type: T }> => command.type === type);
  }

  /** All workers of a generation start and serve. */
  run(generation: number): this {
    for (let worker = 0; worker < WORKERS; worker += 1) this.machine.handleReady(place(generation, worker), this.now);
    for (let worker = 0; worker < WORKERS; worker += 1) this.machine.handleServing(place(generation, worker), this.now);
    return this;
  }

  end(generation: number, how = "exit code 0"): this {
    for (let worker = 0; worker < WORKERS; worker += 1)
      this.machine.handleExit(place(generation, worker), how, this.now);
    return this;
  }

  /** Waits for the next deadline. */
  wait(): number {
    const before = this.now;
    this.now = this.machine.nextTimeout()!;
    this.machine.handleTimeout(this.now);
    return this.now - before;
  }
}

const started = (): Workers => {
  const workers = new Workers().run(0);
  workers.take();
  return workers;
};

describe("a start", () => {
  test("spawns all workers, and lets them serve when the last one is ready", () => {
    const workers = new Workers();
    expect(workers.take()).toEqual([
      { type: "spawn", place: place(0, 0) },
      { type: "spawn", place: place(0, 1) },
    ]);
    workers.machine.handleReady(place(0, 1), workers.now);
    expect(workers.take()).toEqual([]);
    workers.machine.handleReady(place(0, 0), workers.now);
    expect(workers.take().map(({ type }) => type)).toEqual(["topology", "serve", "serve"]);
    workers.machine.handleServing(place(0, 0), workers.now);
    expect(workers.of("started")).toEqual([]);
    workers.machine.handleServing(place(0, 1), workers.now);
    expect(workers.of("started")).toHaveLength(1);
    expect(workers.machine.nextTimeout()).toBeUndefined();
  });

  test("ends with the first failure, and starts nothing again", () => {
    const workers = new Workers();
    workers.take();
    workers.machine.handleFailed(place(0, 1), broken, workers.now);
    workers.machine.handleFailed(place(0, 0), broken, workers.now);
    expect(workers.take().map(({ type }) => type)).toEqual(["kill", "kill", "kill", "stopped"]);
    expect(workers.machine.nextTimeout()).toBeUndefined();
  });

  test("ends if a worker dies before it serves, and says how", () => {
    const workers = new Workers();
    workers.take();
    workers.end(0, "signal SIGSEGV");
    const [stopped] = workers.of("stopped");
    expect(stopped!.failure!.message).toBe("worker 0 ended before it served: signal SIGSEGV");
  });

  test("ends if a worker is not ready within a minute", () => {
    const workers = new Workers();
    workers.take();
    expect(workers.wait()).toBe(seconds(60));
    workers.end(0);
    expect(workers.of("stopped")[0]!.failure!.message).toBe("worker 0 did not start within 60 s");
  });
});

describe("a worker that ends while it serves", () => {
  test("is started again after a pause, which grows while it keeps ending", () => {
    const workers = started();
    const pauses: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      workers.machine.handleExit(place(0, 1), "signal SIGKILL", workers.now);
      expect(workers.of("report")[0]!.line).toBe("nagare: worker 1 ended: signal SIGKILL");
      pauses.push(workers.wait() / 1_000);
      expect(workers.of("spawn")).toEqual([{ type: "spawn", place: place(0, 1) }]);
      workers.machine.handleReady(place(0, 1), workers.now);
      // The others hear of it before it reads datagrams.
      expect(workers.take().map(({ type }) => type)).toEqual(["topology", "serve"]);
      workers.machine.handleServing(place(0, 1), workers.now);
      workers.take();
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    workers.now = instant(workers.now + seconds(10));
    workers.machine.handleExit(place(0, 1), "signal SIGKILL", workers.now);
    expect(workers.wait() / 1_000).toBe(100);
  });

  test("and cannot start again reports a reason once, while the others serve", () => {
    const workers = started();
    workers.machine.handleExit(place(0, 1), "signal SIGKILL", workers.now);
    const lines: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      workers.wait();
      workers.machine.handleFailed(place(0, 1), broken, workers.now);
      lines.push(...workers.of("report").map(({ line }) => line));
    }
    expect(lines).toEqual(["nagare: worker 1 ended: signal SIGKILL", "nagare: worker 1 cannot start: no handler"]);
  });

  test("and was the last one ends the server if its configuration is wrong by now", () => {
    const workers = started();
    workers.end(0, "signal SIGKILL");
    workers.wait();
    workers.take();
    workers.machine.handleFailed(place(0, 0), broken, workers.now);
    workers.machine.handleExit(place(0, 1), "signal SIGKILL", workers.now);
    expect(workers.of("stopped")).toEqual([{ type: "stopped", failure: broken }]);
  });
});

describe("a reload", () => {
  test("takes over when all new workers serve, and drains the previous ones", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    expect(workers.take().map(({ type }) => type)).toEqual(["reloading", "spawn", "spawn"]);
    workers.machine.handleReady(place(1, 0), workers.now);
    workers.machine.handleReady(place(1, 1), workers.now);
    // The previous workers hear of the new ones first, and still accept connections.
    expect(workers.take().map(({ type }) => type)).toEqual(["topology", "serve", "serve"]);
    expect(workers.machine.places).toHaveLength(4);
    expect([workers.machine.newestFor(place(0, 0)), workers.machine.newestFor(place(1, 0))]).toEqual([0, 1]);
    workers.machine.handleServing(place(1, 0), workers.now);
    workers.machine.handleServing(place(1, 1), workers.now);
    const drain = { type: "drain", timeout: DRAIN_TIMEOUT, isReload: true };
    expect(workers.take().filter(({ type }) => type !== "topology")).toEqual([
      { type: "reloaded", failure: undefined },
      { ...drain, place: place(0, 0) },
      { ...drain, place: place(0, 1) },
    ]);
    expect(workers.machine.newest).toBe(1);
    workers.end(0);
    expect(workers.machine.generations).toEqual([1]);
  });

  test("changes nothing if one of the new workers cannot start, and says why", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    workers.machine.handleReady(place(1, 0), workers.now);
    workers.take();
    workers.machine.handleFailed(place(1, 1), broken, workers.now);
    workers.machine.handleExit(place(1, 0), "signal SIGKILL", workers.now);
    expect(workers.of("reloaded")).toEqual([{ type: "reloaded", failure: broken }]);
    expect([workers.machine.generations, workers.machine.newest]).toEqual([[0], 0]);
    // And the next one can succeed.
    workers.machine.reload(workers.now);
    expect(workers.run(1).of("reloaded")).toEqual([{ type: "reloaded", failure: undefined }]);
  });

  test("waits while the generation before still drains, and several become one", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    workers.run(1).take();
    for (let i = 0; i < 5; i += 1) workers.machine.reload(workers.now);
    expect(workers.take().map(({ type }) => type)).toEqual(["report"]);
    workers.end(0);
    expect(workers.of("spawn").map((command) => command.place.generation)).toEqual([2, 2]);
    workers.run(2).end(1);
    expect(workers.of("spawn")).toEqual([]);
  });

  test("that was asked for while another one starts has a generation of its own", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    workers.machine.reload(workers.now);
    workers.run(1).end(0);
    expect(workers.run(2).of("reloaded")).toHaveLength(2);
  });

  test("kills what has not drained a few seconds after its time", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    workers.run(1).take();
    expect(workers.wait()).toBe(DRAIN_TIMEOUT + seconds(3));
    expect(workers.of("kill").map((command) => placeName(command.place))).toEqual(["0-0", "0-1"]);
  });

  test("does not start workers of the previous generation again", () => {
    const workers = started();
    workers.machine.reload(workers.now);
    workers.run(1).take();
    workers.machine.handleExit(place(0, 1), "signal SIGKILL", workers.now);
    expect(workers.of("spawn")).toEqual([]);
  });
});

test("a stop drains everything, and a second one shortens the time", () => {
  const workers = started();
  workers.machine.stop(seconds(60), workers.now);
  workers.machine.stop(millis(0), workers.now);
  expect(workers.of("drain").map(({ timeout }) => timeout)).toEqual([seconds(60), seconds(60), 0, 0]);
  expect(workers.wait()).toBe(seconds(3));
  expect(workers.of("kill")).toHaveLength(2);
  workers.end(0);
  expect(workers.of("stopped")).toEqual([{ type: "stopped", failure: undefined }]);
});

test("whatever happens, at most two generations exist, and one serves until the stop", () => {
  const event = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.nat(7), fc.nat(WORKERS - 1));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const workers = started();
      /** What a real process could do next. */
      const alive = new Map<string, "starting" | "told" | "serving">([
        ["0-0", "serving"],
        ["0-1", "serving"],
      ]);
      const settle = (): void => {
        for (const command of workers.take()) {
          if (command.type === "spawn") alive.set(placeName(command.place), "starting");
          if (command.type === "serve") alive.set(placeName(command.place), "told");
          if (command.type === "kill") alive.delete(placeName(command.place));
          if (command.type === "kill") workers.machine.handleExit(command.place, "signal SIGKILL", workers.now);
        }
      };
      for (const [kind, generation, worker] of events) {
        const at = place(generation, worker);
        const state = alive.get(placeName(at));
        if (kind === 0) workers.machine.reload(workers.now);
        else if (kind === 1 && workers.machine.nextTimeout() !== undefined) workers.wait();
        else if (kind === 2 && state === "starting") workers.machine.handleReady(at, workers.now);
        else if (kind === 3 && state === "told") {
          workers.machine.handleServing(at, workers.now);
          alive.set(placeName(at), "serving");
        } else if (kind === 4 && state !== undefined) {
          alive.delete(placeName(at));
          workers.machine.handleExit(at, "exit code 1", workers.now);
        } else if (kind === 5 && state === "starting") {
          workers.machine.handleFailed(at, { ...broken, isConfiguration: false }, workers.now);
        }
        settle();
        settle();
        expect(workers.machine.generations.length).toBeLessThanOrEqual(2);
        expect(workers.machine.generations).toContain(workers.machine.newest);
      }
    }),
    { numRuns: runs(200) },
  );
});
