/** The hostile clients of the soak test. They connect one after the other and stay. */

import type { HostileOrder } from "../messages.ts";
import { type Attacker, openPieces, openPipeline, openSlowReader, type Victim } from "../soak/attacks.ts";

const KINDS: readonly (readonly [open: (victim: Victim) => Promise<Attacker>, count: number])[] = [
  [openPieces, 170],
  [openSlowReader, 100],
  [openPipeline, 10],
];
const PING_INTERVAL = 2_000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function attack(order: HostileOrder, connected: Attacker[]): Promise<void> {
  setInterval(() => {
    for (const attacker of connected) attacker.ping();
  }, PING_INTERVAL);
  await Promise.all(
    KINDS.map(async ([open, count]) => {
      for (let i = 0; i < count; i++) {
        // A refusal is a legitimate defense.
        const attacker = await open(order).catch(() => undefined);
        if (attacker !== undefined) connected.push(attacker);
        await pause(order.span / count);
      }
    }),
  );
}

/** The first message starts the attack; each later one requests the number of connections. */
process.once("message", (order: HostileOrder) => {
  const connected: Attacker[] = [];
  void attack(order, connected);
  process.on("message", () => process.send!(connected.length));
});
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
