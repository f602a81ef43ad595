/** A hostile client that resumes a session, so that it has 0-RTT keys; sometimes its ticket is damaged. */

import { SeededRng } from "../src/base/rng.ts";
import type { Instant } from "../src/base/time.ts";
import { emitTransportParameters } from "../src/quic/params/index.ts";
import type { HostileOptions } from "../src/quic/testing/hostile-options.ts";
import { CIPHER_SUITES } from "../src/tls/code-points.ts";
import { type ClientSession, MemoryStrikeRegister, TicketKeys } from "../src/tls/index.ts";
import { utf8 } from "../src/wire/text.ts";
import type { Chance } from "./chance.ts";
import { mutate } from "./mutate.ts";
import { openEngine } from "./open-engine.ts";

const ISSUED = 0 as Instant;
const EXPIRES = 3_600_000_000 as Instant;
const CONTEXT = utf8("fuzz");
const suite = CIPHER_SUITES.TLS_AES_128_GCM_SHA256;

export function resuming(chance: Chance): Pick<HostileOptions, "clientTls" | "serverTls"> {
  const keys = new TicketKeys(openEngine, new Uint8Array(32), new SeededRng(chance.rng.uint32()));
  const psk = chance.exactBytes(32);
  const shared = { serverName: "server.test", alpn: "test", psk, ageAdd: chance.rng.uint32() };
  const contents = { ...shared, suite, binding: 0, issuedAt: ISSUED, earlyContext: CONTEXT };
  const ticket = keys.seal(contents, ISSUED);
  const session: ClientSession = {
    ...shared,
    suite: suite.name,
    ticket: chance.oneIn(6) ? mutate(ticket, chance) : ticket,
    receivedAt: ISSUED,
    expiresAt: EXPIRES,
    allowsEarlyData: true,
    transportParameters: emitTransportParameters({ initialMaxData: 100_000, initialMaxStreamsBidi: 10 }),
  };
  const register = new MemoryStrikeRegister();
  return {
    clientTls: { session, earlyData: true },
    serverTls: { tickets: { keys, earlyData: { context: CONTEXT, register } } },
  };
}
