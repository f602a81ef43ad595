/** The order of children, compared with a list that is sorted each time. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { InOrder, RoundRobin, Seat, type Turns } from "./turns.ts";

interface Child {
  readonly name: number;
  readonly order: number;
}

const step = fc.record({
  do: fc.constantFrom("place", "place", "remove", "rotate"),
  pick: fc.nat(40),
  isAhead: fc.boolean(),
});

describe.each<[string, () => Turns<Child>, (child: Child) => number]>([
  ["in order", () => new InOrder(), ({ order }) => order],
  ["round-robin", () => new RoundRobin(), () => 0],
])("%s", (_, create, orderOf) => {
  it("has the same first child as a sorted list", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 41, maxLength: 41 }),
        fc.array(step),
        (orders, steps) => {
          const turns = create();
          const seats = orders.map((order, name) => new Seat<Child>({ name, order }));
          let seated: { seat: Seat<Child>; isAhead: boolean }[] = [];
          for (const { do: action, pick, isAhead } of steps) {
            const seat = seats[pick]!;
            const place = seated.find((other) => other.seat === seat);
            if (action === "place" && place === undefined) {
              turns.place(seat, isAhead);
              seated.push({ seat, isAhead });
            } else if (action !== "place" && place !== undefined) {
              seated = seated.filter((other) => other !== place);
              if (action === "remove") {
                turns.remove(seat);
              } else {
                turns.rotate(seat);
                seated.push(place);
              }
            }
            // The sort is stable: the last to join or to have a turn comes after its equals.
            const sorted = [...seated].sort(
              (a, b) => orderOf(b.seat.value) - orderOf(a.seat.value) || Number(b.isAhead) - Number(a.isAhead),
            );
            expect(turns.first).toBe(sorted[0]?.seat.value);
          }
        },
      ),
      { numRuns: runs(1_000) },
    );
  });

  it("returns children in order when they leave from the front", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 60 }), fc.array(fc.nat(59)), (orders, leaving) => {
        const turns = create();
        const seats = orders.map((order, name) => new Seat<Child>({ name, order }));
        for (const seat of seats) turns.place(seat, false);
        const left = new Set(seats);
        for (const index of leaving) {
          const seat = seats[index];
          if (seat !== undefined && left.delete(seat)) turns.remove(seat);
        }
        const taken: Child[] = [];
        for (let first = turns.first; first !== undefined; first = turns.first) {
          taken.push(first);
          turns.remove(seats[first.name]!);
        }
        const wanted = [...left].map(({ value }) => value).sort((a, b) => orderOf(b) - orderOf(a));
        expect(taken).toEqual(wanted);
      }),
      { numRuns: runs(1_000) },
    );
  });
});
