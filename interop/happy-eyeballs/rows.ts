/** What is measured of each client: the tests of the study of 2025, and those of version 3. */

import type { TestedClient } from "./clients.ts";
import type { SeenAt } from "./network.ts";
import type { Observed, Testbed, Trial } from "./testbed.ts";

/** A measured value, and for our clients whether it is as the texts want it. */
export interface Measured {
  readonly text: string;
  readonly met?: boolean;
}

export interface RowSpec {
  readonly title: string;
  /** Where the texts say what is right. */
  readonly source: string;
  /** Undefined if it does not apply to the client. */
  measure(visits: Visits): Promise<Measured | undefined>;
}

type Family = "IPv6" | "IPv4";
const familyOf = ({ address }: SeenAt): Family => (address.includes(":") ? "IPv6" : "IPv4");
const other = (family: Family): Family => (family === "IPv6" ? "IPv4" : "IPv6");

/** Milliseconds. A program's timers and this machine's load make figures inexact. */
const TOLERANCE = 60;
const isAbout = (value: number | undefined, expected: number): boolean =>
  value !== undefined && value > expected - 30 && value < expected + TOLERANCE;

const RESOLUTION_DELAY = 50;
const ATTEMPT_DELAY = 250;

/** One client on the testbed. */
export class Visits {
  readonly client: TestedClient;
  readonly #testbed: Testbed;
  readonly #rounds: number;
  #first: Promise<Family> | undefined;

  constructor(testbed: Testbed, client: TestedClient, rounds: number) {
    this.#testbed = testbed;
    this.client = client;
    this.#rounds = rounds;
  }

  run(trial: Trial): Promise<Observed> {
    return this.#testbed.run(this.client, trial);
  }

  /** The median of a figure over some visits; undefined if a visit has none. */
  async median(trial: Trial, figure: (observed: Observed) => number | undefined): Promise<number | undefined> {
    const figures: number[] = [];
    for (let round = 0; round < this.#rounds; round += 1) {
      const value = figure(await this.run(trial));
      if (value === undefined) return undefined;
      figures.push(value);
    }
    return figures.sort((a, b) => a - b)[figures.length >> 1];
  }

  /** The family that the client tries first. */
  first(): Promise<Family> {
    this.#first ??= this.run({ watch: 100 }).then(({ attempts: [attempt], failure }) => {
      if (attempt === undefined) throw new Error(`no attempt of ${this.client.name}: ${failure?.why ?? "nothing"}`);
      return familyOf(attempt);
    });
    return this.#first;
  }

  /** A network on which that family is as given. */
  async firstIs(link: NonNullable<Trial["ipv4"]>): Promise<Trial> {
    return (await this.first()) === "IPv6" ? { ipv6: link } : { ipv4: link };
  }
}

const gap = ({ attempts: [first, second] }: Observed): number | undefined =>
  first === undefined || second === undefined ? undefined : second.at - first.at;

const inMs = (value: number | undefined): string => (value === undefined ? "never" : `${Math.round(value)} ms`);

/** Milliseconds from the question for a record, whose answer came at once, to the first attempt. */
const waitAfter =
  (record: string) =>
  ({ questions, attempts: [first] }: Observed): number | undefined => {
    const question = questions.find((each) => each.record === record);
    return first === undefined || question === undefined ? undefined : first.at - question.at;
  };

const LATE = 1_000;
/** From here on a client has waited for the answer itself. */
const waits = (wait: number | undefined): string =>
  wait !== undefined && wait >= LATE - 50 ? "until it is there" : inMs(wait);

const questionsInOrder: RowSpec = {
  title: "Questions, in order",
  source: "RFC 8305 §3: AAAA, then A; version 3: HTTPS before them",
  async measure(visits) {
    // No answer is there, and no connection, before the last question.
    const delays = { HTTPS: 20, AAAA: 20, A: 20 };
    const { questions } = await visits.run({ http3: visits.client.hasHttp3, delays });
    const order = [...new Set(questions.map(({ record }) => record))];
    const wanted = visits.client.hasHttp3 ? ["HTTPS", "AAAA", "A"] : ["AAAA", "A"];
    return { text: order.join(", "), met: order.join() === wanted.join() };
  },
};

const firstFamily: RowSpec = {
  title: "First attempt",
  source: "RFC 6724 with the network's own ULA prefix preferred (draft-ietf-6man-rfc6724-update)",
  async measure(visits) {
    const first = await visits.first();
    return { text: first, met: first === "IPv6" };
  },
};

const lateAaaa: RowSpec = {
  title: "AAAA 1 s late: waits",
  source: `RFC 8305 §3: ${RESOLUTION_DELAY} ms`,
  async measure(visits) {
    const wait = await visits.median({ delays: { AAAA: LATE } }, waitAfter("A"));
    return { text: waits(wait), met: isAbout(wait, RESOLUTION_DELAY) };
  },
};

const AAAA_STEPS = [10, 20, 30, 70, 90, 200];

const aaaaInTime: RowSpec = {
  title: "AAAA late in steps: IPv6 is first if late by at most",
  source: `RFC 8305 §3: less than ${RESOLUTION_DELAY} ms`,
  async measure(visits) {
    if ((await visits.first()) !== "IPv6") return undefined;
    let inTime = 0;
    let isAfterDelay = false;
    for (const late of AAAA_STEPS) {
      const [attempt] = (await visits.run({ delays: { AAAA: late }, watch: 50 })).attempts;
      if (attempt === undefined || familyOf(attempt) === "IPv4") break;
      inTime = late;
      isAfterDelay = late > RESOLUTION_DELAY;
    }
    const text = inTime === AAAA_STEPS.at(-1) ? "any" : `${inTime} ms`;
    return { text, met: inTime > 0 && !isAfterDelay };
  },
};

const lateA: RowSpec = {
  title: "A 1 s late: waits",
  source: "RFC 8305 §3: not at all",
  async measure(visits) {
    const wait = await visits.median({ delays: { A: LATE } }, waitAfter("AAAA"));
    return { text: waits(wait), met: wait !== undefined && wait < TOLERANCE };
  },
};

const lateRecord: RowSpec = {
  title: "HTTPS record 1 s late: waits",
  source: `version 3 §4.2: ${RESOLUTION_DELAY} ms`,
  async measure(visits) {
    if (!visits.client.hasHttp3) return undefined;
    const wait = await visits.median({ delays: { HTTPS: LATE }, http3: true }, (observed) => {
      const asks = observed.questions.some(({ record }) => record === "HTTPS");
      return asks ? waitAfter("AAAA")(observed) : Number.NaN;
    });
    if (Number.isNaN(wait)) return { text: "does not ask" };
    return { text: waits(wait), met: isAbout(wait, RESOLUTION_DELAY) };
  },
};

const attemptDelay: RowSpec = {
  title: "First family dead: the other begins after",
  source: `RFC 8305 §5: ${ATTEMPT_DELAY} ms`,
  async measure(visits) {
    const delay = await visits.median({ ...(await visits.firstIs({ isDead: true })), watch: 1_500 }, gap);
    return { text: inMs(delay), met: isAbout(delay, ATTEMPT_DELAY) };
  },
};

const COARSE = [100, 150, 200, 250, 300, 350, 400, 500];
const FINE = 10;

const switchesAt: RowSpec = {
  title: "First family slow in steps of 10 ms: the other wins from an RTT of",
  source: `RFC 8305 §5: ${ATTEMPT_DELAY} ms`,
  async measure(visits) {
    const first = await visits.first();
    const isOther = async (rtt: number): Promise<boolean> => {
      const { connected } = await visits.run(await visits.firstIs({ rtt }));
      return connected !== undefined && familyOf(connected) === other(first);
    };
    let low: number | undefined;
    for (const rtt of COARSE) {
      if (await isOther(rtt)) break;
      low = rtt;
    }
    if (low === COARSE.at(-1)) return { text: "none", met: false };
    let from = (low ?? 0) + FINE;
    while (from < (low ?? 0) + 100 && !(await isOther(from))) from += FINE;
    return { text: `${from} ms`, met: isAbout(from, ATTEMPT_DELAY) };
  },
};

const ADDRESSES = 6;
const WATCHED = 3_600;

const allSilent: RowSpec = {
  title: `${ADDRESSES} addresses of each family, all dead: tried in ${WATCHED / 1_000} s`,
  source: "RFC 8305 §4: all, families alternating",
  async measure(visits) {
    const { attempts } = await visits.run({
      counts: { ipv4: ADDRESSES, ipv6: ADDRESSES },
      ipv4: { isDead: true },
      ipv6: { isDead: true },
      watch: WATCHED,
    });
    const order = attempts.map((each) => familyOf(each).slice(-1));
    const count = (digit: string): number => order.filter((each) => each === digit).length;
    return {
      text: `${count("6")} of IPv6, ${count("4")} of IPv4: ${order.join(" ")}`,
      met: order.join("") === "64".repeat(ADDRESSES),
    };
  },
};

const SLOW_RTT = 400;

const slowAndDead = (dead: number, alive: number): RowSpec => ({
  title: `RTT of ${SLOW_RTT} ms, first family dead; ${dead} of its addresses, ${alive} of the other: connected after`,
  source: `RFC 8305 §5: the RTT and ${ATTEMPT_DELAY} ms`,
  async measure(visits) {
    const first = await visits.first();
    const counts = first === "IPv6" ? { ipv6: dead, ipv4: alive } : { ipv4: dead, ipv6: alive };
    const slow = { rtt: SLOW_RTT };
    const trial: Trial = {
      ...(first === "IPv6" ? { ipv4: slow, ipv6: { isDead: true } } : { ipv6: slow, ipv4: { isDead: true } }),
      counts,
    };
    let failed: string | undefined;
    const took = await visits.median(trial, ({ attempts: [start], connected, failure }) => {
      if (start === undefined) failed = "no attempt";
      else if (connected === undefined) {
        failed =
          failure === undefined ? "not within 15 s" : `fails after ${inMs(failure.at - start.at)} (${failure.why})`;
      } else return connected.at - start.at;
      return undefined;
    });
    return { text: failed ?? inMs(took), met: isAbout(took, SLOW_RTT + ATTEMPT_DELAY) };
  },
});

const RACE: Trial = { http3: true, alpn: "h3,h2", ipv4: { rtt: 50 }, ipv6: { rtt: 50 } };

const overQuic: RowSpec = {
  title: "HTTPS record with h3, RTT of 50 ms: first attempt; established first",
  source: "version 3 §5.1: QUIC before TCP",
  async measure(visits) {
    if (!visits.client.hasHttp3) return undefined;
    const { attempts, secured } = await visits.run(RACE);
    const text = `${nameOf(attempts[0])}; ${nameOf(secured)}`;
    return { text, met: attempts[0]?.transport === "quic" && secured?.transport === "quic" };
  },
};

const withoutUdp: RowSpec = {
  title: "The same, UDP dead: TCP begins after; TLS is established after",
  source: `version 3 §5.1: ${ATTEMPT_DELAY} ms`,
  async measure(visits) {
    if (!visits.client.hasHttp3) return undefined;
    const { attempts, secured } = await visits.run({ ...RACE, isUdpDead: true });
    const [quic, tcp] = (["quic", "tcp"] as const).map((each) => attempts.find(({ transport }) => transport === each));
    if (quic === undefined) return { text: `${nameOf(attempts[0])} at once`, met: false };
    const delay = tcp === undefined ? undefined : tcp.at - quic.at;
    const took = secured === undefined ? undefined : secured.at - quic.at;
    return {
      text: `${inMs(delay)}; ${inMs(took)}`,
      met: isAbout(delay, ATTEMPT_DELAY) && secured?.transport === "tcp",
    };
  },
};

const nameOf = (seen: SeenAt | undefined): string =>
  seen === undefined ? "nothing" : seen.transport === "quic" ? "QUIC" : "TCP";

export const ROWS: readonly RowSpec[] = [
  questionsInOrder,
  firstFamily,
  lateAaaa,
  aaaaInTime,
  lateA,
  attemptDelay,
  switchesAt,
  allSilent,
  slowAndDead(1, 1),
  slowAndDead(2, 2),
  slowAndDead(2, 1),
  overQuic,
  withoutUdp,
  lateRecord,
];
