/** Who is next: the policies of the scheduler tree, and invariants of any tree. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { Demand, Leaf, SchedulerTree, type SendGroup, type SendPriority } from "./index.ts";

/** A leaf that has sent its first packet. */
function begun<T>(value: T): Leaf<T> {
  const leaf = new Leaf(value);
  leaf.hasBegun = true;
  return leaf;
}

/** Named leaves in a tree, which can always send by default. */
class TestTree {
  readonly tree = new SchedulerTree<string>();
  readonly leaves = new Map<string, Leaf<string>>();

  add(name: string, priority: SendPriority = { urgency: 3, incremental: true }, demand: Demand = Demand.fresh): this {
    const leaf = begun(name);
    this.leaves.set(name, leaf);
    this.tree.place(leaf, priority, this.leaves.size);
    this.tree.setDemand(leaf, demand);
    return this;
  }

  place(name: string, priority: SendPriority): void {
    this.tree.place(this.leaves.get(name)!, priority, [...this.leaves.keys()].indexOf(name));
  }

  demand(name: string, demand: Demand): void {
    this.tree.setDemand(this.leaves.get(name)!, demand);
  }

  /** The names of the next `count` turns. */
  turns(count: number, hasCredit = true): string {
    let names = "";
    for (let i = 0; i < count; i += 1) {
      const leaf = this.tree.next(hasCredit);
      if (leaf === undefined) return names;
      names += leaf.value;
      this.tree.rotate(leaf);
    }
    return names;
  }
}

const incremental = (urgency: number): SendPriority => ({ urgency, incremental: true });
const sequential = (urgency: number): SendPriority => ({ urgency, incremental: false });
const inGroup = (group: SendGroup, sendOrder: number): SendPriority => ({ group, sendOrder });

describe("urgency", () => {
  it("goes before everything less urgent, until it has nothing to send", () => {
    const scene = new TestTree().add("a", incremental(7)).add("b", incremental(0)).add("c", incremental(3));
    expect(scene.turns(3)).toBe("bbb");
    scene.demand("b", Demand.none);
    expect(scene.turns(3)).toBe("ccc");
    scene.demand("c", Demand.none);
    expect(scene.turns(2)).toBe("aa");
    scene.demand("b", Demand.fresh);
    expect(scene.turns(2)).toBe("bb");
  });

  it("sends the first packet of each before the rest, among those that are sent one after another", () => {
    const tree = new SchedulerTree<string>();
    for (const [index, name] of [..."abc"].entries()) {
      const leaf = new Leaf(name);
      tree.place(leaf, sequential(3), index);
      tree.setDemand(leaf, Demand.fresh);
    }
    let names = "";
    for (let turn = 0; turn < 6; turn += 1) {
      const leaf = tree.next(true)!;
      names += leaf.value;
      tree.begin(leaf);
      tree.rotate(leaf);
    }
    expect(names).toBe("abcaaa");
  });

  it("can change at any time", () => {
    const scene = new TestTree().add("a").add("b");
    scene.place("b", incremental(2));
    expect(scene.turns(2)).toBe("bb");
    scene.place("b", incremental(3));
    expect(scene.turns(4)).toBe("abab");
  });

  it.each([-1, 8, 1.5, Number.NaN])("is not %s", (urgency) => {
    const scene = new TestTree();
    expect(() => scene.add("a", incremental(urgency))).toThrow(RangeError);
    expect(() => scene.tree.openSession(urgency)).toThrow(RangeError);
  });
});

describe("an urgency level", () => {
  it("gives each incremental request a turn", () => {
    expect(new TestTree().add("a").add("b").add("c").turns(7)).toBe("abcabca");
  });

  it("sends non-incremental requests one after another, in the order of their ids", () => {
    const scene = new TestTree().add("a", sequential(3)).add("b", sequential(3)).add("c", sequential(3));
    expect(scene.turns(2)).toBe("aa");
    scene.demand("a", Demand.none);
    expect(scene.turns(2)).toBe("bb");
    scene.demand("a", Demand.fresh);
    expect(scene.turns(1)).toBe("a");
  });

  it("starves neither kind", () => {
    const scene = new TestTree().add("a", sequential(3)).add("b").add("c", sequential(3)).add("d");
    expect(scene.turns(6)).toBe("abdabd");
  });

  it("gives a session the turn of one request", () => {
    const scene = new TestTree();
    const group = scene.tree.openSession(3).openGroup();
    scene.add("a").add("x", inGroup(group, 1)).add("y", inGroup(group, 1)).add("b");
    expect(scene.turns(8)).toBe("axbaybax");
  });
});

describe("a session", () => {
  it("gives its groups turns", () => {
    const scene = new TestTree();
    const session = scene.tree.openSession();
    const [one, two] = [session.openGroup(), session.openGroup()];
    scene.add("a", inGroup(one, 9)).add("b", inGroup(one, 1)).add("x", inGroup(two, 0));
    expect(scene.turns(4)).toBe("axax");
    scene.demand("a", Demand.none);
    expect(scene.turns(4)).toBe("bxbx");
  });

  it("takes all its streams with it to another urgency", () => {
    const scene = new TestTree().add("a");
    const session = scene.tree.openSession(7);
    scene.add("x", inGroup(session.openGroup(), 0));
    expect(scene.turns(2)).toBe("aa");
    session.setUrgency(1);
    expect(scene.turns(2)).toBe("xx");
  });

  it("of another connection is rejected", () => {
    const foreign = new SchedulerTree().openSession().openGroup();
    expect(() => new TestTree().add("a", inGroup(foreign, 0))).toThrow(RangeError);
  });
});

describe("a group", () => {
  it("sends the highest send order first, and equal ones in turns", () => {
    const scene = new TestTree();
    const group = scene.tree.openSession().openGroup();
    scene.add("a", inGroup(group, -5)).add("b", inGroup(group, 7)).add("c", inGroup(group, 7));
    expect(scene.turns(4)).toBe("bcbc");
    scene.demand("c", Demand.none);
    expect(scene.turns(2)).toBe("bb");
    scene.demand("b", Demand.none);
    expect(scene.turns(2)).toBe("aa");
    expect(() => scene.place("a", inGroup(group, Number.NaN))).toThrow(RangeError);
  });
});

describe("lost data", () => {
  it("goes first among equals", () => {
    const scene = new TestTree().add("a").add("b").add("c");
    scene.demand("b", Demand.repair);
    scene.demand("c", Demand.repair);
    expect(scene.turns(4)).toBe("bcbc");
    scene.demand("b", Demand.fresh);
    scene.demand("c", Demand.none);
    expect(scene.turns(3)).toBe("aba");
  });

  it("keeps its rank: after more urgent data, before less urgent data", () => {
    const scene = new TestTree();
    const group = scene.tree.openSession(4).openGroup();
    scene.add("a", incremental(2)).add("b", incremental(5), Demand.repair);
    scene.add("x", inGroup(group, 2)).add("y", inGroup(group, 1), Demand.repair);
    expect(scene.turns(2)).toBe("aa");
    scene.demand("a", Demand.none);
    expect(scene.turns(2)).toBe("xx");
    scene.demand("x", Demand.none);
    expect(scene.turns(2)).toBe("yy");
    scene.demand("y", Demand.none);
    expect(scene.turns(2)).toBe("bb");
  });

  it("of one session does not give the whole session precedence over others", () => {
    const scene = new TestTree();
    const [one, two] = [scene.tree.openSession().openGroup(), scene.tree.openSession().openGroup()];
    scene.add("a", inGroup(one, 2)).add("b", inGroup(one, 1), Demand.repair).add("x", inGroup(two, 0));
    expect(scene.turns(4)).toBe("axax");
  });
});

describe("without connection credit", () => {
  it("only lost data and data that needs no credit is sent, in order", () => {
    const scene = new TestTree();
    const group = scene.tree.openSession(2).openGroup();
    scene.add("a", incremental(0)).add("x", inGroup(group, 5)).add("y", inGroup(group, 1), Demand.repair);
    scene.add("d", incremental(3), Demand.free).add("r", incremental(3), Demand.repair);
    expect(scene.turns(2, false)).toBe("yy");
    scene.demand("y", Demand.none);
    expect(scene.turns(2, false)).toBe("rr");
    scene.demand("r", Demand.none);
    expect(scene.turns(2, false)).toBe("dd");
    scene.demand("d", Demand.none);
    expect([scene.turns(1, false), scene.tree.hasFresh, scene.turns(1)]).toEqual(["", true, "a"]);
    scene.demand("a", Demand.none);
    scene.demand("x", Demand.none);
    expect(scene.tree.hasFresh).toBe(false);
  });
});

// ── Any tree ────────────────────────────────────────────────────────────────────────────────────────────────────────

const place = fc.oneof(
  fc.record({ urgency: fc.nat(7), incremental: fc.boolean() }),
  fc.record({ session: fc.nat(2), group: fc.nat(1), sendOrder: fc.integer({ min: -2, max: 2 }) }),
);
const demand = fc.constantFrom<Demand[]>(...Object.values(Demand));
const change = fc.record({ leaf: fc.nat(11), place: fc.option(place, { nil: undefined }), demand });

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

interface Spot {
  /** From the root down: higher goes first. */
  readonly rank: readonly number[];
  readonly siblings: string;
}

describe("any tree, after any changes", () => {
  /** Builds the tree and records the position of each leaf. */
  function build(changes: readonly Change[]) {
    const tree = new SchedulerTree<number>();
    const sessions = [1, 3, 3].map((urgency) => ({ urgency, session: tree.openSession(urgency) }));
    const groups = sessions.map(({ session }) => [session.openGroup(), session.openGroup()] as const);
    const leaves = Array.from({ length: 12 }, (_, index) => begun(index));
    const spots: Spot[] = leaves.map(() => ({ rank: [-3], siblings: "incremental" }));
    for (const leaf of leaves) tree.place(leaf, incremental(3), leaf.value);
    for (const { leaf: index, place: to, demand: wants } of changes) {
      const leaf = leaves[index]!;
      if (to !== undefined && "session" in to) {
        tree.place(leaf, inGroup(groups[to.session]![to.group as 0 | 1], to.sendOrder), index);
        const { urgency } = sessions[to.session]!;
        spots[index] = { rank: [-urgency, to.sendOrder], siblings: `${to.session}.${to.group}` };
      } else if (to !== undefined) {
        tree.place(leaf, to, index);
        spots[index] = to.incremental
          ? { rank: [-to.urgency], siblings: "incremental" }
          : { rank: [-to.urgency, -index], siblings: "sequential" };
      }
      tree.setDemand(leaf, wants);
    }
    return { tree, leaves, spots };
  }

  it("gives turns only to leaves that can send, by rank", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.boolean(), (changes, hasCredit) => {
        const { tree, leaves, spots } = build(changes);
        const ready = leaves.filter(
          (leaf) => leaf.demand !== Demand.none && (hasCredit || leaf.demand !== Demand.fresh),
        );
        for (let i = 0; i < 30; i += 1) {
          const next = tree.next(hasCredit);
          if (next === undefined) {
            expect(ready).toEqual([]);
            return;
          }
          if (!ready.includes(next)) throw new Error(`${next.value} cannot send`);
          const { rank, siblings } = spots[next.value]!;
          for (const other of ready) {
            const spot = spots[other.value]!;
            if (spot.rank[0]! > rank[0]!) throw new Error(`${other.value} is more urgent than ${next.value}`);
            if (spot.siblings !== siblings || spot.rank[0] !== rank[0]) continue;
            const [rankOfOther, rankOfNext] = [spot.rank[1] ?? 0, rank[1] ?? 0];
            const isAhead = other.demand === Demand.repair && next.demand !== Demand.repair;
            if (rankOfOther > rankOfNext || (rankOfOther === rankOfNext && isAhead)) {
              throw new Error(`${other.value} goes before ${next.value}`);
            }
          }
          tree.rotate(next);
        }
      }),
      { numRuns: runs(1_000) },
    );
  });

  it("starves no leaf that has the first rank among its siblings", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const { tree, leaves, spots } = build(changes);
        // Lost data goes first among equals, and is soon gone.
        for (const leaf of leaves) if (leaf.demand === Demand.repair) tree.setDemand(leaf, Demand.fresh);
        const ready = leaves.filter((leaf) => leaf.demand !== Demand.none);
        const top = Math.max(...ready.map((leaf) => spots[leaf.value]!.rank[0]!));
        const due = ready.filter((leaf) => {
          const { rank, siblings } = spots[leaf.value]!;
          const isFirst = ready.every((other) => {
            const spot = spots[other.value]!;
            return spot.siblings !== siblings || spot.rank[0] !== rank[0] || (spot.rank[1] ?? 0) <= (rank[1] ?? 0);
          });
          return rank[0] === top && isFirst;
        });
        const served = new Set<number>();
        // A level has at most 12 members that take turns, a session 2 groups, a group 12 equals.
        for (let i = 0; ready.length > 0 && i < 12 * 2 * 12; i += 1) {
          const next = tree.next(true)!;
          served.add(next.value);
          tree.rotate(next);
        }
        expect([...served].sort()).toEqual(due.map(({ value }) => value).sort());
      }),
      { numRuns: runs(500) },
    );
  });
});
