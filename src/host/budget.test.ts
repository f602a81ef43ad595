import { describe, expect, test } from "vitest";
import { Budget, type BudgetLimits, type Holder } from "./budget.ts";

const MB = 1024 * 1024;

class Peer implements Holder {
  bytes = 0;
  taken = 0;
  busy = true;
  awaits = true;
  ended: string | undefined;

  held(): number {
    return this.bytes;
  }
  awaitsPeer(): boolean {
    return this.awaits;
  }
  isBusy(): boolean {
    return this.busy;
  }
  progress(): number {
    return this.taken;
  }
  shed(reason: string): void {
    this.ended = reason;
  }
}

function open(limits: Partial<BudgetLimits> = {}) {
  const clock = { now: 0, used: Number.POSITIVE_INFINITY };
  const lines: string[] = [];
  const unbounded = { memory: Number.POSITIVE_INFINITY, files: 1_000, descriptors: 1_000 };
  const budget = new Budget(
    { ...unbounded, ...limits },
    () => clock.now,
    (line) => lines.push(line),
    () => clock.used,
  );
  const peer = (state: Partial<Peer> = {}): Peer => {
    const made = Object.assign(new Peer(), state);
    budget.add(made, 60_000);
    return made;
  };
  return { budget, clock, lines, peer };
}

describe("a holder that takes nothing", () => {
  test("is cut off after the time that was set, and not before", () => {
    const { budget, clock, peer } = open();
    const stalled = peer({ bytes: 1 });
    const slow = peer({ bytes: 1 });
    budget.sweep();
    for (clock.now = 0; clock.now < 59_000; clock.now += 1_000) {
      slow.taken += 1;
      budget.sweep();
    }
    expect(stalled.ended).toBeUndefined();
    clock.now = 60_000;
    budget.sweep();
    expect([stalled.ended, slow.ended]).toEqual(["nothing was taken for 60 s", undefined]);
  });

  test("is not one that has nothing to take", () => {
    const { budget, clock, peer } = open();
    const polling = peer({ awaits: false });
    budget.sweep();
    clock.now = 3_600_000;
    budget.sweep();
    // Now there is something, and its time begins.
    polling.awaits = true;
    budget.sweep();
    clock.now += 59_000;
    budget.sweep();
    expect(polling.ended).toBeUndefined();
  });
});

describe("memory", () => {
  test("within the limit cuts nobody off", () => {
    const { budget, lines, peer } = open({ memory: 10 * MB });
    const peers = Array.from({ length: 10 }, () => peer({ bytes: MB }));
    budget.sweep();
    expect(peers.filter(({ ended }) => ended !== undefined)).toEqual([]);
    expect(lines).toEqual([]);
  });

  test("beyond it, those that hold most for longest without progress end, until there is room again", () => {
    const { budget, clock, lines, peer } = open({ memory: 10 * MB });
    const fast = Array.from({ length: 4 }, () => peer({ bytes: MB }));
    const stalled = Array.from({ length: 6 }, () => peer({ bytes: MB }));
    budget.sweep();
    clock.now = 20_000;
    for (const one of fast) one.taken += 20 * MB;
    const late = peer({ bytes: MB });
    budget.sweep();
    expect([...fast, late].filter(({ ended }) => ended !== undefined)).toEqual([]);
    // 11 MB were held; three quarters of the limit are left.
    expect(stalled.filter(({ ended }) => ended !== undefined)).toHaveLength(4);
    expect(lines).toEqual(["nagare: under pressure: 4 connections cut off, 0 files not opened (docs/robustness.md)"]);
  });

  test("that leaves byte by byte weighs more than more of it that leaves fast", () => {
    const { budget, clock, peer } = open({ memory: 10 * MB });
    const trickles = Array.from({ length: 6 }, () => peer({ bytes: MB }));
    const fast = peer({ bytes: 6 * MB });
    const silent = peer({ bytes: 1_000 });
    budget.limits = { ...budget.limits, memory: Number.POSITIVE_INFINITY };
    for (clock.now = 0; clock.now < 30_000; clock.now += 250) {
      for (const one of trickles) one.taken += 1;
      fast.taken += 2 * MB;
      budget.sweep();
    }
    budget.limits = { ...budget.limits, memory: 10 * MB };
    budget.sweep();
    expect([fast.ended, silent.ended]).toEqual([undefined, undefined]);
    expect(trickles.filter(({ ended }) => ended !== undefined)).toHaveLength(5);
  });

  test("that many clients share is not counted for each of them", () => {
    const { budget, clock, peer } = open({ memory: 10 * MB });
    const peers = Array.from({ length: 100 }, () => peer({ bytes: MB }));
    clock.used = 9 * MB;
    budget.sweep();
    expect(peers.filter(({ ended }) => ended !== undefined)).toEqual([]);
  });

  test("goes by size where all are alike in time", () => {
    const { budget, peer } = open({ memory: 10 * MB });
    const small = Array.from({ length: 5 }, () => peer({ bytes: MB }));
    const large = peer({ bytes: 6 * MB });
    budget.sweep();
    expect(large.ended).toBe("all connections together hold too much memory");
    expect(small.filter(({ ended }) => ended !== undefined)).toEqual([]);
  });
});

describe("descriptors", () => {
  test("for files run out, and the connection that has taken nothing for longest ends", () => {
    const { budget, clock, peer } = open({ files: 2 });
    const idlest = peer();
    budget.sweep();
    clock.now = 5_000;
    const idle = peer();
    budget.sweep();
    clock.now = 10_000;
    expect([budget.openFile(), budget.openFile(), budget.openFile()]).toEqual([true, true, false]);
    expect([idlest.ended, idle.ended]).toEqual(["the process has no file descriptor left", undefined]);
    budget.closeFile();
    expect([budget.openFile(), budget.files]).toEqual([true, 2]);
  });

  test("for files are there again when the one that is cut off closes its files at once", () => {
    const { budget, clock, peer } = open({ files: 1 });
    const idlest = peer();
    idlest.shed = () => budget.closeFile();
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openFile(), budget.openFile(), budget.openFile()]).toEqual([true, true, false]);
  });

  test("for connections take the place of one at rest first", () => {
    const { budget, clock, peer } = open({ descriptors: 2 });
    const stalled = peer();
    const resting = peer({ busy: false, awaits: false });
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openSocket(), budget.openSocket(), budget.openSocket()]).toEqual([true, true, true]);
    expect([stalled.ended, resting.ended]).toEqual([undefined, "the process has no file descriptor left"]);
  });

  test("are refused while everybody is at work", () => {
    const { budget, clock, peer } = open({ descriptors: 1 });
    const working = peer({ awaits: false });
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openSocket(), budget.openSocket()]).toEqual([true, false]);
    expect(working.ended).toBeUndefined();
  });
});
