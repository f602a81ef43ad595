import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { millis } from "../../base/time.ts";
import { staggered } from "./staggered.ts";

/** Vitest's fake timers do not cover performance.now(), so use Date.now(). */
vi.mock("../clock.ts", () => ({
  systemClock: {
    now: () => Date.now() * 1_000,
    startTimer: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
    stopTimer: (timer: NodeJS.Timeout) => clearTimeout(timer),
  },
}));

interface Try {
  readonly name: string;
  readonly signal: AbortSignal;
  succeed(): void;
  fail(error: Error): void;
}

let tries: Try[];
let discarded: string[];

beforeEach(() => {
  vi.useFakeTimers();
  tries = [];
  discarded = [];
});

afterEach(() => {
  vi.useRealTimers();
});

function run(candidates: readonly string[], signal = new AbortController().signal): Promise<string> {
  return staggered<string, string>({
    candidates,
    delay: millis(250),
    signal,
    attempt: (name, own) =>
      new Promise((resolve, reject) => {
        tries.push({ name, signal: own, succeed: () => resolve(name), fail: reject });
        own.addEventListener("abort", () => reject(own.reason));
      }),
    discard: (outcome) => discarded.push(outcome),
    isFinal: (error) => (error as Error).message === "final",
  });
}

const names = () => tries.map(({ name }) => name);

describe("addresses are tried in turn", () => {
  test("only the first one before the delay", async () => {
    const result = run(["a", "b"]);
    await vi.advanceTimersByTimeAsync(249);
    expect(names()).toEqual(["a"]);
    tries[0]!.succeed();
    expect(await result).toBe("a");
    await vi.advanceTimersByTimeAsync(1000);
    expect(names()).toEqual(["a"]);
  });

  test("the next one starts after the delay, and the slower one is aborted", async () => {
    const result = run(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(250);
    expect(names()).toEqual(["a", "b"]);
    tries[1]!.succeed();
    expect(await result).toBe("b");
    expect(tries[0]!.signal.aborted).toBe(true);
  });

  test("the next one starts immediately after a failure", async () => {
    const result = run(["a", "b"]);
    tries[0]!.fail(new Error("refused"));
    await vi.advanceTimersByTimeAsync(0);
    expect(names()).toEqual(["a", "b"]);
    tries[1]!.succeed();
    expect(await result).toBe("b");
  });

  test("a connection that is ready too late is discarded", async () => {
    const result = run(["a", "b"]);
    await vi.advanceTimersByTimeAsync(250);
    tries[0]!.succeed();
    tries[1]!.succeed();
    expect(await result).toBe("a");
    expect(discarded).toEqual(["b"]);
  });

  test("if all fail, the first error is reported", async () => {
    const result = run(["a", "b"]);
    tries[0]!.fail(new Error("first"));
    await vi.advanceTimersByTimeAsync(0);
    tries[1]!.fail(new Error("second"));
    await expect(result).rejects.toThrow("first");
  });

  test("an error that would be the same for all ends it", async () => {
    const result = run(["a", "b"]);
    tries[0]!.fail(new Error("final"));
    await expect(result).rejects.toThrow("final");
    expect(names()).toEqual(["a"]);
  });

  test("an abort ends it", async () => {
    const controller = new AbortController();
    const result = run(["a", "b"], controller.signal);
    controller.abort(new Error("enough"));
    await expect(result).rejects.toThrow("enough");
    await vi.advanceTimersByTimeAsync(1000);
    expect(names()).toEqual(["a"]);
  });
});
