import { expect, test } from "vitest";
import { RenditionChooser } from "./rendition-chooser.ts";

test("trouble leads to a worse rendition, once, until that has settled", () => {
  const chooser = new RenditionChooser(3, 2, 0);
  expect([chooser.handleTrouble(5_000), chooser.index]).toEqual([true, 1]);
  expect([chooser.handleTrouble(6_000), chooser.index]).toEqual([false, 1]);
  expect([chooser.handleTrouble(8_000), chooser.index]).toEqual([true, 0]);
  expect([chooser.handleTrouble(20_000), chooser.index]).toEqual([false, 0]);
});

test("calm leads to a better one, and what was too much is tried later each time", () => {
  const chooser = new RenditionChooser(2, 1, 0);
  const downs: number[] = [];
  for (let now = 0; now < 600_000; now += 100) {
    // The better one is always too much.
    if (chooser.index === 1 && chooser.handleTrouble(now)) downs.push(now);
    chooser.handleCalm(now);
  }
  const waits = downs.slice(1).map((at, i) => Math.round((at - downs[i]!) / 10_000));
  expect(waits).toEqual([1, 2, 4, 8, 16, 16]);
});

test("one rendition stays", () => {
  const chooser = new RenditionChooser(1, 0, 0);
  expect([chooser.handleTrouble(10_000), chooser.handleCalm(90_000), chooser.index]).toEqual([false, false, 0]);
});
