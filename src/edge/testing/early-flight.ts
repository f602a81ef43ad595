/** The first flight of a client that resumes a session, as datagrams: anyone who has recorded it can send it anywhere. */

import { headers, settings, varint } from "../../h3/testing/raw-peer.ts";
import { systemClock, wallTime } from "../../host/clock.ts";
import { cryptoEngine } from "../../host/engine/engine.ts";
import { systemRng } from "../../host/random.ts";
import type { FieldSection } from "../../http/index.ts";
import { connectionConfig, Endpoint } from "../../quic/index.ts";
import { type ClientSession, createTlsClient } from "../../tls/index.ts";
import { concat } from "../../wire/text.ts";

export async function earlyFlight(session: ClientSession, request: FieldSection): Promise<Uint8Array[]> {
  const engine = await cryptoEngine();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng: systemRng }) });
  const now = systemClock.now();
  const connection = endpoint.connect(
    {
      remote: { family: 4, host: "127.0.0.1", port: 1 },
      createTls: (transportParameters) =>
        createTlsClient({
          engine,
          rng: systemRng,
          alpn: ["h3"],
          transportParameters,
          serverName: "localhost",
          wallTime: () => wallTime(systemClock),
          session,
          earlyData: true,
        }),
    },
    now,
  );
  connection.write(connection.openStream("uni")!, concat(varint(0), settings()), false);
  connection.write(connection.openStream("bidi")!, headers(request), true);
  const slots = { arena: new Uint8Array(65_536) };
  const datagrams: Uint8Array[] = [];
  for (;;) {
    const transmit = endpoint.pollTransmit(slots, 16, now);
    if (transmit === undefined) return datagrams;
    endpoint.handleSent(transmit, transmit.count, now);
    for (let at = 0; at < transmit.length; at += transmit.segmentSize) {
      datagrams.push(slots.arena.slice(at, Math.min(at + transmit.segmentSize, transmit.length)));
    }
  }
}
