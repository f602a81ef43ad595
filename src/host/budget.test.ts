import { describe, expect, test } from "vitest";
import { Budget, type BudgetLimits, type Holder } from "./budget.ts";

const MB = 1024 * 1024;

class Peer implements Holder {
  bytes = 0;
  taken = 0;
  /** Bytes received from it. */
  given = 0;
  busy = true;
  awaits = true;
  ended: string | undefined;

  held(): number {
    return this.bytes;
  }
  awaitsPeer(): boolean {
    return this.awaits;
  }
  awaitsReader(): boolean {
    return this.awaits && this.bytes > 0;
  }
  isBusy(): boolean {
    return this.busy;
  }
  progress(): number {
    return this.taken + this.given;
  }
  read(): number {
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
    const peer = Object.assign(new Peer(), state);
    budget.add(peer, 60_000);
    return peer;
  };
  return { budget, clock, lines, peer };
}

describe("a connection without progress", () => {
  test("ends after the stall timeout, and not before", () => {
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
    expect([stalled.ended, slow.ended]).toEqual(["no progress for 60 s", undefined]);
  });

  test("ends although it sends, if it reads nothing of what waits for it", () => {
    const { budget, clock, peer } = open();
    const sending = peer({ bytes: 1 });
    const uploading = peer({ bytes: 0 });
    for (clock.now = 0; clock.now <= 60_000; clock.now += 1_000) {
      for (const each of [sending, uploading]) each.given += 1;
      budget.sweep();
      if (clock.now < 60_000) expect(sending.ended).toBeUndefined();
    }
    expect([sending.ended, uploading.ended]).toEqual(["no progress for 60 s", undefined]);
  });

  test("is not ended while nothing waits for the peer", () => {
    const { budget, clock, peer } = open();
    const polling = peer({ awaits: false });
    budget.sweep();
    clock.now = 3_600_000;
    budget.sweep();
    // Data becomes available, and the timeout starts.
    polling.awaits = true;
    budget.sweep();
    clock.now += 59_000;
    budget.sweep();
    expect(polling.ended).toBeUndefined();
  });
});

describe("memory", () => {
  test("within the limit ends no connection", () => {
    const { budget, lines, peer } = open({ memory: 10 * MB });
    const peers = Array.from({ length: 10 }, () => peer({ bytes: MB }));
    budget.sweep();
    expect(peers.filter(({ ended }) => ended !== undefined)).toEqual([]);
    expect(lines).toEqual([]);
  });

  test("over the limit, connections that hold the most for longest without progress end until there is room", () => {
    const { budget, clock, lines, peer } = open({ memory: 10 * MB });
    const fast = Array.from({ length: 4 }, () => peer({ bytes: MB }));
    const stalled = Array.from({ length: 6 }, () => peer({ bytes: MB }));
    budget.sweep();
    clock.now = 20_000;
    for (const one of fast) one.taken += 20 * MB;
    const late = peer({ bytes: MB });
    budget.sweep();
    expect([...fast, late].filter(({ ended }) => ended !== undefined)).toEqual([]);
    // Of 11 MB held, three quarters of the limit remain.
    expect(stalled.filter(({ ended }) => ended !== undefined)).toHaveLength(4);
    expect(lines).toEqual(["nagare: under pressure: 4 connections cut off, 0 files not opened (docs/robustness.md)"]);
  });

  test("sent byte by byte weighs more than a larger amount sent fast", () => {
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

  test("shared by many clients is not counted for each of them", () => {
    const { budget, clock, peer } = open({ memory: 10 * MB });
    const peers = Array.from({ length: 100 }, () => peer({ bytes: MB }));
    clock.used = 9 * MB;
    budget.sweep();
    expect(peers.filter(({ ended }) => ended !== undefined)).toEqual([]);
  });

  test("is freed by size if all hold it for the same time", () => {
    const { budget, peer } = open({ memory: 10 * MB });
    const small = Array.from({ length: 5 }, () => peer({ bytes: MB }));
    const large = peer({ bytes: 6 * MB });
    budget.sweep();
    expect(large.ended).toBe("all connections together hold too much memory");
    expect(small.filter(({ ended }) => ended !== undefined)).toEqual([]);
  });
});

describe("descriptors", () => {
  test("for files run out, and the connection without progress for the longest ends", () => {
    const { budget, clock, peer } = open({ files: 2 });
    const idlest = peer();
    budget.sweep();
    clock.now = 5_000;
    const idle = peer();
    budget.sweep();
    clock.now = 10_000;
    expect([budget.openFile(), budget.openFile(), budget.openFile()]).toEqual([true, true, false]);
    expect([idlest.ended, idle.ended]).toEqual(["the process is out of file descriptors", undefined]);
    budget.closeFile();
    expect([budget.openFile(), budget.files]).toEqual([true, 2]);
  });

  test("for files are available immediately if the ended connection closes its files immediately", () => {
    const { budget, clock, peer } = open({ files: 1 });
    const idlest = peer();
    idlest.shed = () => budget.closeFile();
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openFile(), budget.openFile(), budget.openFile()]).toEqual([true, true, false]);
  });

  test("for connections are taken from an idle connection first", () => {
    const { budget, clock, peer } = open({ descriptors: 2 });
    const stalled = peer();
    const resting = peer({ busy: false, awaits: false });
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openSocket(), budget.openSocket(), budget.openSocket()]).toEqual([true, true, true]);
    expect([stalled.ended, resting.ended]).toEqual([undefined, "the process is out of file descriptors"]);
  });

  test("are refused while every connection makes progress", () => {
    const { budget, clock, peer } = open({ descriptors: 1 });
    const working = peer({ awaits: false });
    budget.sweep();
    clock.now = 5_000;
    expect([budget.openSocket(), budget.openSocket()]).toEqual([true, false]);
    expect(working.ended).toBeUndefined();
  });
});
