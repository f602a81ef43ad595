/**
 * The rules of Node's `autoSelectFamily`, for comparison: all answers are waited for, families alternate, and an attempt whose
 * TCP handshake takes longer than `attemptTimeout` is given up before the next begins; the last one may take as long as it
 * wants (Node's documentation of `net.connect`).
 */

import { HANDSHAKE, rttTo, type Site, type StartedAttempt, type Visit } from "./world.ts";

export function serialVisit(site: Site, attemptTimeout: number, limit: number): Visit {
  const addresses: string[] = [];
  for (let i = 0; i < Math.max(site.ipv4.length, site.ipv6.length); i += 1) {
    addresses.push(...site.ipv6.slice(i, i + 1), ...site.ipv4.slice(i, i + 1));
  }
  const attempts: StartedAttempt[] = [];
  let now = Math.max(site.answers.A, site.answers.AAAA);
  for (const [index, address] of addresses.entries()) {
    if (now > limit) break;
    const attempt: StartedAttempt = { address, transport: "tcp", at: now };
    attempts.push(attempt);
    const rtt = rttTo(site, address);
    const behaviour = site.behaviour(address, "tcp");
    const isLast = index === addresses.length - 1;
    if (behaviour !== "silent" && (isLast || rtt <= attemptTimeout)) {
      if (behaviour === "answers") {
        const connected = now + rtt * HANDSHAKE.tcp;
        return { connected, winner: attempt, attempts, questions: undefined };
      }
      now += rtt;
    } else now += isLast ? Number.POSITIVE_INFINITY : attemptTimeout;
  }
  return { connected: undefined, winner: undefined, attempts, questions: undefined };
}
