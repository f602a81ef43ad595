import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Instant, instant, millis } from "../base/time.ts";
import { StaggeredAttempts } from "./staggered-attempts.ts";

const DELAY = millis(250);
const at = (milliseconds: number): Instant => instant(millis(milliseconds));

/** The candidates started since the last call. */
function started(attempts: StaggeredAttempts): number[] {
  const candidates: number[] = [];
  for (let next = attempts.pollCommand(); next !== undefined; next = attempts.pollCommand())
    candidates.push(next.candidate);
  return candidates;
}

function begin(count: number): StaggeredAttempts {
  const attempts = new StaggeredAttempts(count, DELAY);
  attempts.start(at(0));
  return attempts;
}

describe("addresses in turn (RFC 8305 §5)", () => {
  test("the first one runs alone for the delay; then the next one joins it", () => {
    const attempts = begin(3);
    expect(started(attempts)).toEqual([0]);
    expect(attempts.nextTimeout()).toBe(at(250));
    attempts.handleTimeout(at(249));
    expect(started(attempts)).toEqual([]);
    attempts.handleTimeout(at(250));
    expect(started(attempts)).toEqual([1]);
    expect(attempts.nextTimeout()).toBe(at(500));
  });

  test("a failure starts the next one immediately, with a new delay", () => {
    const attempts = begin(3);
    started(attempts);
    attempts.handleFailed(0, false, at(10));
    expect(started(attempts)).toEqual([1]);
    expect(attempts.nextTimeout()).toBe(at(260));
  });

  test("there is no timeout once the last one runs", () => {
    const attempts = begin(1);
    expect(attempts.nextTimeout()).toBeUndefined();
  });

  test("the first to connect ends the attempts", () => {
    const attempts = begin(2);
    attempts.handleTimeout(at(250));
    attempts.handleConnected(1);
    attempts.handleConnected(0);
    attempts.handleFailed(0, false, at(260));
    expect(attempts.outcome).toEqual({ type: "connected", candidate: 1 });
    expect(attempts.nextTimeout()).toBeUndefined();
  });

  test("if all fail, the first one's error counts; a final error ends the attempts early", () => {
    const all = begin(2);
    all.handleFailed(0, false, at(1));
    all.handleFailed(1, false, at(2));
    expect(all.outcome).toEqual({ type: "failed", candidate: 0 });
    const final = begin(3);
    final.handleFailed(0, false, at(1));
    final.handleFailed(1, true, at(2));
    expect(final.outcome).toEqual({ type: "failed", candidate: 1 });
    expect(started(final)).toEqual([]);
  });

  test("each candidate starts at most once, in order, and there is an outcome when none is left", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.nat({ max: 9 }), { maxLength: 30 }), (count, steps) => {
        const attempts = begin(count);
        const all = started(attempts);
        const open = new Set(all);
        let now = at(0);
        for (const step of steps) {
          if (attempts.outcome !== undefined) break;
          const [candidate] = [...open].slice(step % open.size);
          if (step === 9) attempts.handleConnected(candidate!);
          else if (step % 2 === 0) attempts.handleTimeout((now = attempts.nextTimeout() ?? now));
          else {
            open.delete(candidate!);
            attempts.handleFailed(candidate!, false, now);
          }
          const more = started(attempts);
          for (const each of more) open.add(each);
          all.push(...more);
          expect(attempts.outcome === undefined).toBe(open.size > 0 && step !== 9);
        }
        expect(all).toEqual(Array.from(all, (_, index) => index));
        expect(all.length).toBeLessThanOrEqual(count);
      }),
    );
  });
});
