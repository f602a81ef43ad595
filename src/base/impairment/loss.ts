/** Models of random loss. A model decides about one item at a time; certain and impossible events take no randomness. */

import { type Rng, uniform } from "../rng.ts";

/**
 * Bursty loss by Gilbert and Elliott: a chain of two states, each with its own loss probability. The state may change
 * before each item.
 */
export interface GilbertElliott {
  readonly model: "gilbert-elliott";
  /** The probability of turning bad before an item, while the state is good. */
  readonly goodToBad: number;
  /** The probability of recovering before an item, while the state is bad. */
  readonly badToGood: number;
  /** The loss probability in the good state; 0 by default. */
  readonly lossInGood?: number;
  /** The loss probability in the bad state; 1 by default. */
  readonly lossInBad?: number;
}

/** An item number, counted from 1 in order of arrival, or a range of them, ends included. */
export type ItemList = readonly (number | readonly [first: number, last: number])[];

export function happens(probability: number | undefined, rng: Rng): boolean {
  if (probability === undefined || probability <= 0) return false;
  return probability >= 1 || uniform(rng) < probability;
}

/** Tells whether the next item is lost. */
export type LossModel = (rng: Rng) => boolean;

export function lossModel(loss: number | GilbertElliott): LossModel {
  if (typeof loss === "number") return (rng) => happens(loss, rng);
  const { goodToBad, badToGood, lossInGood = 0, lossInBad = 1 } = loss;
  let isBad = false;
  return (rng) => {
    if (happens(isBad ? badToGood : goodToBad, rng)) isBad = !isBad;
    return happens(isBad ? lossInBad : lossInGood, rng);
  };
}

/** Tells whether an item number is in the list. */
export function listed(list: ItemList): (number: number) => boolean {
  const single = new Set(list.filter((one) => typeof one === "number"));
  const ranges = list.filter((one) => typeof one !== "number");
  return (number) => single.has(number) || ranges.some(([first, last]) => first <= number && number <= last);
}
