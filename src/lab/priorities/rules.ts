/**
 * By which rules a server decides what leaves next. Ours is the scheduler as it is; the others are models of what other servers
 * document or publish, placed in the same scheduler.
 */

import type { Priority } from "../../http/priority/index.ts";
import type { Connection, SendGroup, SendPriority, SendSession } from "../../quic/index.ts";
import type { StreamId } from "../../quic/transport.ts";

/** The names of rules, and what they are. */
export const RULES = {
  nagare: "Nagare",
  turns: "in turns, as quic-go does",
  arrival: "in order of requests",
  quiche: "quiche's rules",
  h2o: "h2o's rules",
} as const;
export type RuleName = keyof typeof RULES;

/** Places the responses of one connection. */
export interface Rule {
  place(id: StreamId, priority: Priority): SendPriority;
  /** Call when a packet with this stream's data was sent, outside of the sending itself. Returns its new place if it changes. */
  handleSent?(id: StreamId): SendPriority | undefined;
}

const RANGE = 2 ** 49;

/** Within one urgency: everything that is in order goes first, by id; then what takes turns. */
class StrictlyMixed {
  readonly #connection: Connection;
  readonly #levels = new Map<number, { readonly session: SendSession; readonly group: SendGroup }>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  place(id: StreamId, urgency: number, isInOrder: boolean): SendPriority {
    let level = this.#levels.get(urgency);
    if (level === undefined) {
      const session = this.#connection.openSession(urgency);
      level = { session, group: session.openGroup() };
      this.#levels.set(urgency, level);
    }
    return { group: level.group, sendOrder: isInOrder ? -id : -RANGE };
  }
}

export function createRule(name: RuleName, connection: Connection): Rule {
  switch (name) {
    case "nagare":
      return { place: (_id, priority) => priority };
    // quic-go (framer.go): a queue of streams with data, from which each gives a frame and goes to the end. The field is not read.
    case "turns":
      return { place: () => ({ urgency: 3, incremental: true }) };
    case "arrival":
      return { place: () => ({ urgency: 3, incremental: false }) };
    // Cloudflare's quiche (the order of stream priorities): by urgency; then those that are not incremental, by id; then the others in turns.
    case "quiche": {
      const mixed = new StrictlyMixed(connection);
      return { place: (id, { urgency, incremental }) => mixed.place(id, urgency, !incremental) };
    }
    // h2o (quicly's scheduler of lib/http3): the same, but an incremental response stands among the others until its first packet.
    case "h2o": {
      const mixed = new StrictlyMixed(connection);
      const priorities = new Map<StreamId, Priority>();
      const begun = new Set<StreamId>();
      const place = (id: StreamId, { urgency, incremental }: Priority): SendPriority =>
        mixed.place(id, urgency, !incremental || !begun.has(id));
      return {
        place(id, priority) {
          priorities.set(id, priority);
          return place(id, priority);
        },
        handleSent(id) {
          const priority = priorities.get(id);
          if (begun.has(id) || priority === undefined) return undefined;
          begun.add(id);
          return priority.incremental ? place(id, priority) : undefined;
        },
      };
    }
  }
}
