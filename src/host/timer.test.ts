import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DurationError, duration, LONGEST_TIMEOUT, Timer } from "./timer.ts";

describe("a duration", () => {
  test.each([0, 0.5, 1, LONGEST_TIMEOUT, LONGEST_TIMEOUT + 1, 1e15, Number.POSITIVE_INFINITY])("may be %d", (value) => {
    expect(duration("timeout", value)).toBe(value);
  });

  test.each([Number.NaN, -1, -0.5, Number.NEGATIVE_INFINITY, "5s", "100", null, 10n])("may not be %s", (value) => {
    expect(() => duration("timeout", value as number)).toThrow(DurationError);
    expect(() => duration("timeout", value as number)).toThrow(/^timeout is /);
  });
});

describe("a timer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const start = (milliseconds: number) => {
    const run = vi.fn();
    return { run, timer: new Timer(run, milliseconds) };
  };

  test("fires once, after its duration", () => {
    const { run } = start(100);
    vi.advanceTimersByTime(99);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test.each([LONGEST_TIMEOUT + 1, 3 * LONGEST_TIMEOUT + 7])(
    "of %d ms fires after that time, not immediately",
    (milliseconds) => {
      const { run } = start(milliseconds);
      vi.advanceTimersByTime(milliseconds - 1);
      expect(run).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(run).toHaveBeenCalledTimes(1);
    },
  );

  test("of infinite duration never fires, and uses no Node timer", () => {
    const { run, timer } = start(Number.POSITIVE_INFINITY);
    timer.refresh();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 * LONGEST_TIMEOUT);
    expect(run).not.toHaveBeenCalled();
  });

  test.each([100, LONGEST_TIMEOUT + 100])("of %d ms can be restarted and stopped", (milliseconds) => {
    const { run, timer } = start(milliseconds);
    vi.advanceTimersByTime(milliseconds - 1);
    timer.refresh();
    vi.advanceTimersByTime(milliseconds - 1);
    expect(run).not.toHaveBeenCalled();
    timer.clear();
    vi.advanceTimersByTime(milliseconds);
    expect(run).not.toHaveBeenCalled();
  });
});
