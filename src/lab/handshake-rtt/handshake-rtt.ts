/** Round trips that a connection costs before its first response (RFC 9000, 9001, 9368, 9369). */

import type { ClaimSpec, Experiment } from "../experiment.ts";
import { range, rowsOf } from "../rows.ts";
import { type ConnectionKind, roundTrips } from "./round-trips.ts";

interface Expected {
  /** Round trips to the response. */
  readonly response: number;
  readonly version?: 1 | 2;
  readonly session?: "new" | "resumed" | "early";
}

/** A claim about connections of some kinds, at every round-trip time. */
const expected = (
  claim: Omit<ClaimSpec, "judge">,
  kinds: readonly ConnectionKind[],
  { response, version = 1, session = "new" }: Expected,
): ClaimSpec => ({
  ...claim,
  theirs: `${claim.theirs}: the response after ${response} RTT`,
  judge(rows) {
    const found = kinds.flatMap((kind) => rowsOf(rows, "round-trips", { kind }));
    if (found.length === 0) return undefined;
    const responses = found.map((row) => Number(row.response));
    const isAsNamed = found.every((row) => row.version === version && row.session === session);
    const versions = range(
      found.map((row) => Number(row.version)),
      0,
    );
    return {
      ours: `${range(responses, 2, "RTT")} with version ${versions}`,
      met: isAsNamed && responses.every((value) => value === response),
    };
  },
});

export const handshakeRtt: Experiment = {
  name: "handshake-rtt",
  title: "Round trips of a handshake",
  summary: "the time to a first response: versions 1 and 2, negotiation, Retry, tokens, resumption, 0-RTT",
  takes: "seconds",
  parts: [roundTrips],
  claims: [
    expected(
      {
        name: "A handshake takes one round trip",
        source: "RFC 9000 §7, RFC 9001 §4.1",
        theirs: "the client sends with its second flight",
      },
      ["v1"],
      { response: 2 },
    ),
    expected(
      { name: "Version 2 costs nothing", source: "RFC 9369 §1", theirs: "only constants differ from version 1" },
      ["v2"],
      { response: 2, version: 2 },
    ),
    expected(
      { name: "Compatible negotiation costs nothing", source: "RFC 9368 §2.3", theirs: "no round trip in addition" },
      ["compatible"],
      { response: 2, version: 2 },
    ),
    expected(
      {
        name: "Incompatible negotiation costs a round trip",
        source: "RFC 9368 §2.1, RFC 9000 §6",
        theirs: "one round trip for Version Negotiation",
      },
      ["negotiation"],
      { response: 3, version: 2 },
    ),
    expected(
      { name: "Retry costs a round trip", source: "RFC 9000 §8.1.2", theirs: "one round trip to validate the address" },
      ["retry"],
      { response: 3 },
    ),
    expected(
      {
        name: "A token of an earlier connection saves it",
        source: "RFC 9000 §8.1.3",
        theirs: "no Retry for a validated address",
      },
      ["token"],
      { response: 2 },
    ),
    expected(
      {
        name: "A key share for a group that the server does not support costs a round trip",
        source: "RFC 8446 §2.1, §4.1.4",
        theirs: "one round trip for HelloRetryRequest",
      },
      ["hello-retry"],
      { response: 3 },
    ),
    expected(
      {
        name: "Certificates beyond three times the client's first flight cost a round trip",
        source: "RFC 9000 §8.1",
        theirs: "the server waits for the client's next datagram",
      },
      ["chain"],
      { response: 3 },
    ),
    expected(
      {
        name: "Resumption needs no certificates",
        source: "RFC 8446 §2.2",
        theirs: "the handshake fits into the limit again",
      },
      ["resumption", "chain-resumption"],
      { response: 2, session: "resumed" },
    ),
    expected(
      {
        name: "0-RTT saves a round trip",
        source: "RFC 9001 §4.6, RFC 8446 §2.3",
        theirs: "the request leaves with the first flight",
      },
      ["zero-rtt", "zero-rtt-token"],
      { response: 1, session: "early" },
    ),
    expected(
      { name: "Rejected 0-RTT is sent again in 1-RTT packets", source: "RFC 9001 §4.6.2", theirs: "as without it" },
      ["zero-rtt-rejected"],
      { response: 2, session: "resumed" },
    ),
    expected(
      {
        name: "0-RTT data is sent again after a Retry",
        source: "RFC 9000 §17.2.5.3",
        theirs: "one round trip to validate the address",
      },
      ["zero-rtt-retry"],
      { response: 2, session: "early" },
    ),
  ],
};
