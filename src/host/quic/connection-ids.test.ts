import { expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { systemClock } from "../clock.ts";
import { connectionIds } from "./connection-ids.ts";

const DAY = 24 * 60 * 60 * 1_000;

test("connection ids name another key every day", () => {
  let date = Date.UTC(2026, 0, 1);
  const ids = connectionIds(new SeededRng(1), { ...systemClock, date: () => date });
  const first = date / DAY;
  const named: (number | undefined)[] = [];
  for (let hour = 0; hour <= 48; hour += 12) {
    date = first * DAY + hour * 60 * 60 * 1_000;
    named.push(ids.keyPeriod?.(ids.generate().bytes));
  }
  expect(named).toEqual([first, first, first + 1, first + 1, first + 2]);
});
