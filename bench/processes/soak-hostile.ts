/** The hostile clients of the soak test: they come one after the other, and stay. */

import type { HostileOrder } from "../messages.ts";
import { type Attacker, openPieces, openPipeline, openSlowReader, type Victim } from "../soak/attacks.ts";

const KINDS: readonly (readonly [open: (victim: Victim) => Promise<Attacker>, count: number])[] = [
  [openPieces, 170],
  [openSlowReader, 100],
  [openPipeline, 10],
];
const PING_INTERVAL = 2_000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function attack(order: HostileOrder, there: Attacker[]): Promise<void> {
  setInterval(() => {
    for (const attacker of there) attacker.ping();
  }, PING_INTERVAL);
  await Promise.all(
    KINDS.map(async ([open, count]) => {
      for (let i = 0; i < count; i++) {
        // A server that refuses has defended itself.
        const attacker = await open(order).catch(() => undefined);
        if (attacker !== undefined) there.push(attacker);
        await pause(order.span / count);
      }
    }),
  );
}

/** The first order begins; a later message asks how many connections were made. */
process.once("message", (order: HostileOrder) => {
  const there: Attacker[] = [];
  void attack(order, there);
  process.on("message", () => process.send!(there.length));
});
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
