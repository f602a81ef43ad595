/** Happy Eyeballs: what a dead family, a late answer and an HTTPS record cost (RFC 8305, draft-ietf-happy-happyeyeballs-v3). */

import type { ClaimSpec, Experiment, Row, Values } from "../experiment.ts";
import { rowsOf } from "../rows.ts";
import { ATTEMPT_DELAY, RESOLUTION_DELAY } from "./clients.ts";
import { allSilent, deadFamily, lateAnswers, questions, records, slowFamily } from "./parts.ts";

const OURS = ["v3", "v2"] as const;

/** A claim about every row of ours that these columns select. */
const always = (
  claim: Omit<ClaimSpec, "judge">,
  part: string,
  where: Values,
  isMet: (row: Row) => boolean,
  text: (rows: readonly Row[]) => string,
): ClaimSpec => ({
  ...claim,
  judge(rows) {
    const found = rowsOf(rows, part, where);
    return found.length === 0 ? undefined : { ours: text(found), met: found.every(isMet) };
  },
});

const both = (
  claim: Omit<ClaimSpec, "judge">,
  part: string,
  where: Values,
  isMet: (row: Row) => boolean,
  text: (rows: readonly Row[]) => string,
): ClaimSpec[] =>
  OURS.map((client) =>
    always(
      { ...claim, name: `${claim.name}, version ${client === "v3" ? 3 : 2}` },
      part,
      { ...where, client },
      isMet,
      text,
    ),
  );

const figures = (name: string) => (rows: readonly Row[]) => rows.map((row) => String(row[name])).join(", ");

export const happyEyeballs: Experiment = {
  name: "happy-eyeballs",
  title: "Happy Eyeballs",
  summary: "dead addresses, late answers and HTTPS records: versions 2 and 3, beside Node's rules",
  takes: "a second",
  parts: [questions, deadFamily, slowFamily, lateAnswers, allSilent, records],
  claims: [
    always(
      {
        name: "Version 2 asks for AAAA, then for A",
        source: "RFC 8305 §3",
        theirs: "AAAA first, A right after it",
      },
      "questions",
      { client: "v2" },
      (row) => row.questions === "AAAA, A",
      figures("questions"),
    ),
    always(
      {
        name: "Version 3 asks for HTTPS records before them",
        source: "draft-ietf-happy-happyeyeballs-v3 §4.1",
        theirs: "HTTPS, AAAA, A",
      },
      "questions",
      { client: "v3" },
      (row) => row.questions === "HTTPS, AAAA, A",
      figures("questions"),
    ),
    ...both(
      {
        name: "A slow family is given up for the other after the attempt delay, and not before",
        source: "RFC 8305 §5",
        theirs: `IPv6 wins up to ${ATTEMPT_DELAY} ms and the round trip of IPv4`,
      },
      "slow-family",
      {},
      // TLS extends the timer once TCP is established.
      ({ rtt, family }) => family === (Number(rtt) <= ATTEMPT_DELAY ? "IPv6" : "IPv4"),
      (rows) => rows.map(({ rtt, family }) => `${family} at ${rtt}`).join(", "),
    ),
    ...both(
      {
        name: "A dead family costs one attempt delay, however long the round trip",
        source: "RFC 8305 §5",
        theirs: `DNS, ${ATTEMPT_DELAY} ms, and the handshake`,
      },
      "dead-family",
      {},
      (row) => row.connected === 20 + ATTEMPT_DELAY + 2 * Number(row.rtt),
      (rows) => rows.map(({ rtt, connected }) => `${connected} ms at ${rtt}`).join(", "),
    ),
    {
      name: "Attempts that are given up cost their time again",
      source: "nodejs/node #54359, #52216",
      theirs: "an attempt longer than 250 ms does not succeed unless it is the last",
      judge(rows) {
        const found = rowsOf(rows, "dead-family", { client: "serial" }).filter(
          ({ rtt }) => Number(rtt) > ATTEMPT_DELAY,
        );
        if (found.length === 0) return undefined;
        return {
          ours: found.map(({ rtt, connected }) => `${connected} ms at ${rtt}`).join(", "),
          met: found.every(({ rtt, connected }) => connected === 20 + 3 * ATTEMPT_DELAY + 2 * Number(rtt)),
        };
      },
    },
    ...both(
      {
        name: "IPv6 begins at once, whatever A does",
        source: "RFC 8305 §3",
        theirs: "no waiting for A",
      },
      "late-answers",
      { late: "A" },
      (row) => row.family === "IPv6" && row.first === 20,
      figures("first"),
    ),
    ...both(
      {
        name: "IPv4 waits for AAAA no longer than the Resolution Delay",
        source: "RFC 8305 §3",
        theirs: `${RESOLUTION_DELAY} ms after A, or as soon as AAAA is there`,
      },
      "late-answers",
      { late: "AAAA" },
      ({ by, first, family }) => {
        const isInTime = typeof by === "number" && by <= RESOLUTION_DELAY;
        return first === 20 + (isInTime ? by : RESOLUTION_DELAY) && family === (isInTime ? "IPv6" : "IPv4");
      },
      (rows) => rows.map(({ by, first, family }) => `${by}: ${family} at ${first}`).join(", "),
    ),
    ...both(
      {
        name: "All addresses are tried, families alternating",
        source: "RFC 8305 §4, §5",
        theirs: "IPv6, IPv4 and so on, 250 ms apart",
      },
      "all-silent",
      {},
      ({ order, spacing }) => order === "6 4 6 4 6 4 6 4" && spacing === `${ATTEMPT_DELAY}`,
      figures("order"),
    ),
    always(
      {
        name: "QUIC is tried first, and saves a round trip",
        source: "draft-ietf-happy-happyeyeballs-v3 §5.1",
        theirs: "QUIC before TCP; its handshake takes one round trip less than TCP's with TLS",
      },
      "https-records",
      { record: "h3", udp: "open", by: 0 },
      ({ connected, protocol }) => protocol === "QUIC" && connected === 120,
      (rows) => rows.map(({ connected, protocol }) => `${protocol} after ${connected} ms`).join(", "),
    ),
    always(
      {
        name: "Blocked UDP costs one head start, however many addresses there are",
        source: "draft-ietf-happy-happyeyeballs-v3 §5.1",
        theirs: `a client falls back to TCP; ${ATTEMPT_DELAY} ms later at most`,
      },
      "https-records",
      { record: "h3", udp: "blocked", by: 0 },
      ({ connected, protocol }) => protocol === "TCP" && connected === 20 + ATTEMPT_DELAY + 200,
      (rows) => rows.map(({ connected, protocol }) => `${protocol} after ${connected} ms`).join(", "),
    ),
    always(
      {
        name: "A record without h3 spares the attempt over QUIC",
        source: "RFC 9460 §7.1",
        theirs: "endpoints whose protocols are not named are not tried",
      },
      "https-records",
      { record: "h2" },
      ({ by, connected, protocol }) => protocol === "TCP" && connected === 20 + Number(by) + 200,
      (rows) => rows.map(({ connected, protocol }) => `${protocol} after ${connected} ms`).join(", "),
    ),
    always(
      {
        name: "An answer about the record that never comes costs the Resolution Delay",
        source: "draft-ietf-happy-happyeyeballs-v3 §4.2",
        theirs: `${RESOLUTION_DELAY} ms`,
      },
      "https-records",
      { record: "none", by: "never", udp: "open" },
      ({ connected }) => connected === 20 + RESOLUTION_DELAY + 100,
      figures("connected"),
    ),
  ],
};
