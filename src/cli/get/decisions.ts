// --trace with Happy Eyeballs: each question and each attempt as a bar, and each decision with its reason.
import type { ExchangeFacts } from "../../client/index.ts";

type Decision = ExchangeFacts["decisions"][number];
type RaceEvent = Decision["event"];

export interface Bar {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly kind: "question" | "connected" | "failed" | "cancelled";
}

/** A bar for each question that was answered and each attempt that ended, in the order in which they began. */
export function barsOf(decisions: readonly Decision[]): Bar[] {
  const bars: Bar[] = [];
  const begun = new Map<string, number>();
  for (const { at, event } of decisions) {
    const begin = (key: string): void => void begun.set(key, at);
    const end = (key: string, name: string, kind: Bar["kind"]): void => {
      const start = begun.get(key);
      if (start !== undefined) bars.push({ name, start, end: at, kind });
      begun.delete(key);
    };
    if (event.type === "race:query_sent") begin(`${event.record} ${event.name}`);
    else if (event.type === "race:answer") end(`${event.record} ${event.name}`, event.record, "question");
    else if (event.type === "race:attempt_started") begin(`attempt ${event.attempt}`);
    else if (event.type === "race:attempt_ended") {
      end(`attempt ${event.attempt}`, `attempt ${event.attempt + 1}`, event.how);
    }
  }
  return bars.sort((a, b) => a.start - b.start);
}

/** The decisions as lines, with their times since `start`. */
export function decisionLines(decisions: readonly Decision[], start: number): string[] {
  return decisions.map(({ at, event }) => `${(at - start).toFixed(1).padStart(8)} ms  ${describeDecision(event)}`);
}

const STARTS = {
  first: "the first choice",
  delay: "the one before has had its time",
  failure: "the one before has failed",
  "head start": "the other transport has had its head start",
  "new address": "an answer has brought it",
} as const;

function describeDecision(event: RaceEvent): string {
  switch (event.type) {
    case "plan-b:heard":
      return `Plan B: the origin names ${event.name} in ${event.by === "field" ? "Alt-SvcB" : "an ALTSVCB frame"}; tries it`;
    case "plan-b:tried":
      return `Plan B: ${event.name}: ${event.why}${event.service === undefined ? "" : `; later connections prefer ${event.service}`}`;
    case "plan-b:service":
      return `Plan B: ${event.how === "preferred" ? "prefers the record of" : "forgets"} ${event.target}`;
    case "race:query_sent":
      return `asks for ${event.record} of ${event.name}`;
    case "race:answer":
      return `${event.record} of ${event.name}: ${event.answer}`;
    case "race:waiting":
      return `waits: ${event.why}`;
    case "race:endpoints":
      return `will try ${event.endpoints.map(endpointText).join(", ")}`;
    case "race:attempt_started":
      return `attempt ${event.attempt + 1}: ${endpointText(event.endpoint)}; ${STARTS[event.why]}`;
    case "race:attempt_progress":
      return `attempt ${event.attempt + 1} is established; its handshake gets more time`;
    case "race:attempt_ended":
      return `attempt ${event.attempt + 1} ${event.how}: ${event.why}`;
    case "race:ended":
      return `${event.how}: ${event.why}`;
  }
}

const endpointText = ({ address, port, transport }: { address: string; port: number; transport: string }): string =>
  `${address} port ${port} over ${transport === "quic" ? "QUIC" : "TCP"}`;
