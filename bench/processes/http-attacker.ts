/** One attacker on an HTTP server, in a process of its own. */

import { HTTP_ATTACKS, type Score } from "../hostile/http-attacks.ts";
import type { HttpAttackOrder } from "../messages.ts";

process.on("message", ({ name, port, seconds }: HttpAttackOrder) => {
  const score: Score = { cut: 0, opened: 0 };
  const end = performance.now() + seconds * 1_000;
  HTTP_ATTACKS[name]!(port, score, () => performance.now() >= end).then(() => process.send!(score));
});

process.on("uncaughtException", () => undefined); // a cut connection is what the attack is for
process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
