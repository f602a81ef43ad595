/** Units of just-in-time flows that a peer without rules may send. */

import { NO_DEADLINE, type Unit } from "../../src/flows/index.ts";
import type { Chance } from "../chance.ts";

/** The sender in whose name flows are opened. */
export const ORIGIN = "00112233445566aa";

/** A unit of any type, about one of the first dozen flows. */
export function anyUnit(chance: Chance): Unit {
  const flow = 1 + chance.below(12);
  switch (chance.below(10)) {
    case 0:
    case 1: {
      const fragment = chance.below(3);
      const deadline = chance.oneIn(2) ? NO_DEADLINE : chance.below(200);
      const part = {
        message: chance.below(20),
        fragment,
        isFirst: fragment === 0,
        isLast: chance.oneIn(2),
        deadline,
        priority: 0,
      };
      return {
        type: "datagram",
        flow,
        part: chance.oneIn(4) ? undefined : part,
        isDiscardable: false,
        payload: chance.bytes(40),
      };
    }
    case 2:
    case 3: {
      const isStateful = !chance.oneIn(4);
      const deadline = !isStateful || chance.oneIn(2) ? NO_DEADLINE : chance.below(200);
      const offset = chance.oneIn(10) ? chance.below(2 ** 31) : chance.below(300);
      return {
        type: "stream",
        flow,
        isStateful,
        offset,
        deadline,
        priority: 0,
        isFin: chance.oneIn(10),
        payload: chance.bytes(60),
      };
    }
    case 4:
      return {
        type: "open",
        flow,
        kind: chance.pick(["stateless-datagram", "stateful-datagram", "stateless-stream", "stateful-stream"] as const),
        priority: chance.below(256),
        period: chance.below(100),
        maxUnit: chance.below(2_000),
        cost: chance.below(2_000),
        chain: chance.oneIn(2) ? undefined : { origin: ORIGIN, number: chance.below(3), base: chance.below(3) },
      };
    case 8: {
      const [end, late, isFin] = [chance.below(40), chance.below(4), chance.oneIn(10)];
      const runs = Array.from({ length: 2 * chance.below(4) }, () => chance.below(20));
      return { type: "confirm", flow, end, late, isFin, runs };
    }
    case 5:
      return {
        type: "ack",
        largest: chance.below(30),
        delay: chance.below(9_000),
        runs: [0, 1 + chance.below(30), chance.below(9), chance.below(9)],
      };
    case 6:
      return chance.oneIn(2)
        ? { type: "resume", flow, rate: chance.below(9_000) }
        : { type: "grant", flow, bytes: chance.below(9_000), start: 0, window: chance.below(500) };
    case 7:
      return {
        type: "resource",
        link: chance.below(2 ** 31),
        cpuFree: chance.below(2_000),
        queue: chance.below(500),
        memory: chance.below(9_000),
      };
    default:
      return chance.oneIn(8)
        ? { type: "close", flow, code: chance.below(9) }
        : { type: "pause", flow: 2 * chance.below(6) + 1, until: 0 };
  }
}
