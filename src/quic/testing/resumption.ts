/** What a test needs for resumed connections: ticket keys that several servers share, and a session of a first one. */

import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import {
  type ClientSession,
  MemoryStrikeRegister,
  type StrikeRegister,
  TicketKeys,
  type TicketPolicy,
} from "../../tls/index.ts";
import { utf8 } from "../../wire/text.ts";
import { Pair, type PairOptions } from "./pair.ts";

const SECRET = new Uint8Array(32).fill(0x5e);

/** Servers with different registers do not know of each other's early data. */
export const ticketPolicy = (
  context = "test",
  register: StrikeRegister = new MemoryStrikeRegister(),
): TicketPolicy => ({
  keys: new TicketKeys(portableEngine, SECRET, new SeededRng(77)),
  earlyData: { context: utf8(context), register },
});

/** The session that a client keeps after a connection with such a server. */
export function keptSession(options: PairOptions = {}): ClientSession {
  const pair = new Pair({ ...options, serverTls: { tickets: ticketPolicy(), ...options.serverTls } }).connect();
  const isKept = () => pair.clientEvents.some(({ type }) => type === "session");
  pair.run(isKept);
  const event = pair.clientEvents.find((each) => each.type === "session");
  return event!.session;
}
