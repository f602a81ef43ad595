/** HTTPS records: what a client saves at its first visit if it asks for them (RFC 9460). */

import type { ClaimSpec, Experiment, Row, Values } from "../experiment.ts";
import { DNS_RTT } from "../first-byte/network.ts";
import { range, rowsOf } from "../rows.ts";
import { ATTEMPT_DELAY, firstVisits, lateAddresses, NEAR_RTT } from "./first-visit.ts";

/** A claim about every row of a part that these columns select. */
const rule = (
  claim: Omit<ClaimSpec, "judge">,
  part: string,
  where: Values,
  expected: (row: Row) => number,
  over: string,
): ClaimSpec => ({
  ...claim,
  judge(rows) {
    const found = rowsOf(rows, part, where);
    if (found.length === 0) return undefined;
    return {
      ours: `${found.map(({ firstByte }) => firstByte).join(", ")} ms over ${found[0]!.over}`,
      met: found.every((row) => row.firstByte === expected(row) && row.over === over),
    };
  },
});

const trips = (count: number) => (row: Row) => DNS_RTT + count * Number(row.rtt);
const first = "first-visit";

export const httpsRecords: Experiment = {
  name: "https-records",
  title: "HTTPS records",
  summary:
    "the time to a first byte with and without a record: HTTP/3 at once, no attempt in vain, a nearer place, hints",
  takes: "seconds",
  parts: [firstVisits, lateAddresses],
  claims: [
    rule(
      {
        name: "Without records, a first visit is over TCP",
        source: "RFC 7838 §2.4, RFC 9000 §7",
        theirs: "Alt-Svc comes with the first response, after three round trips",
      },
      first,
      { client: "alt-svc", site: "h3" },
      trips(3),
      "TCP",
    ),
    rule(
      {
        name: "A record saves a round trip at the first visit",
        source: "RFC 9460 §1, §9.1",
        theirs: "HTTP/3 at once: the first byte after two round trips",
      },
      first,
      { client: "records", site: "h3" },
      trips(2),
      "QUIC",
    ),
    rule(
      {
        name: "A client that tries QUIC unasked pays where there is none",
        source: "draft-ietf-happy-happyeyeballs-v3 §5.1",
        theirs: `${ATTEMPT_DELAY} ms until TCP begins`,
      },
      first,
      { client: "unasked", site: "h2" },
      (row) => trips(3)(row) + ATTEMPT_DELAY,
      "TCP",
    ),
    rule(
      {
        name: "A record that names HTTP/2 alone spares that",
        source: "RFC 9460 §7.1",
        theirs: "only protocols that the record names are tried",
      },
      first,
      { client: "records", site: "h2" },
      trips(3),
      "TCP",
    ),
    {
      name: "A record leads to a nearer place on another port",
      source: "RFC 9460 §2.4.3, §7.2",
      theirs: `TargetName and port: two round trips of ${NEAR_RTT} ms instead of the origin's`,
      judge(rows) {
        const found = rowsOf(rows, first, { client: "records", site: "elsewhere" });
        if (found.length === 0) return undefined;
        return {
          ours: range(
            found.map(({ firstByte }) => Number(firstByte)),
            0,
            "ms",
          ),
          // Its addresses are asked for once the record has named it.
          met: found.every(({ firstByte, over }) => firstByte === 2 * DNS_RTT + 2 * NEAR_RTT && over === "QUIC"),
        };
      },
    },
    {
      name: "An alias costs one question more",
      source: "RFC 9460 §2.4.2",
      theirs: `a lookup of the alias's target: ${DNS_RTT} ms`,
      judge(rows) {
        const found = rowsOf(rows, first, { client: "records", site: "alias" });
        if (found.length === 0) return undefined;
        return {
          ours: found.map(({ firstByte }) => `${firstByte} ms`).join(", "),
          met: found.every((row) => row.firstByte === trips(2)(row) + DNS_RTT),
        };
      },
    },
    {
      name: "Hints stand in for addresses that are late",
      source: "RFC 9460 §7.3",
      theirs: "a client may connect to a hint while it waits for A and AAAA",
      judge(rows) {
        const found = rowsOf(rows, "late-addresses", { hints: "yes" });
        if (found.length === 0) return undefined;
        const times = found.map(({ firstByte }) => Number(firstByte));
        return { ours: range(times, 0, "ms"), met: new Set(times).size === 1 };
      },
    },
    {
      name: "Without hints, late addresses cost their whole time",
      source: "RFC 9460 §7.3",
      theirs: "nothing to connect to before they are there",
      judge(rows) {
        const found = rowsOf(rows, "late-addresses", { hints: "no" });
        const least = Number(found.find(({ by }) => by === 0)?.firstByte);
        if (found.length === 0 || Number.isNaN(least)) return undefined;
        return {
          ours: found.map(({ firstByte, by }) => `${firstByte} ms if ${by} ms late`).join(", "),
          met: found.every(({ firstByte, by }) => firstByte === least + Number(by)),
        };
      },
    },
  ],
};
