/** One attacker on an HTTP server, in a process of its own. */

import { constants, setPriority } from "node:os";
import { HTTP_ATTACKS, type Score } from "../hostile/http-attacks.ts";
import type { HttpAttackOrder } from "../messages.ts";

// An attacker elsewhere does not take processor time from the server and its clients.
setPriority(constants.priority.PRIORITY_LOW);

process.on("message", ({ name, port, seconds }: HttpAttackOrder) => {
  const score: Score = { cut: 0, opened: 0 };
  const end = performance.now() + seconds * 1_000;
  HTTP_ATTACKS[name]!(port, score, () => performance.now() >= end).then(() => process.send!(score));
});

process.on("uncaughtException", () => undefined); // a cut connection is what the attack is for
process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
