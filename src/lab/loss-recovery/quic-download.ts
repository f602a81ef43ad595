/** A download over QUIC, with the client and the server of this stack. */

import { type Instant, type Micros, millis } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import { type Connection, connectionConfig, Endpoint, type EndpointEvent, type QuicTrace } from "../../quic/index.ts";
import { host, SeededRng } from "../../sim/index.ts";
import { connectQuic, quicServer } from "../quic-ends.ts";
import {
  CLIENT,
  DATAGRAM_SIZE,
  type DownloadFigures,
  type DownloadOptions,
  emptyFigures,
  observe,
  SERVER,
} from "./download.ts";

const CHUNK = new Uint8Array(64 * 1024);
/** Flow control must never be the limit. */
const WINDOW = 8 * 1024 * 1024;
/** kGranularity, RFC 9002 §6.1.2. */
const GRANULARITY = millis(1);
const MAX_ACK_DELAY = millis(25);

export function downloadOverQuic(congestionControl: CongestionControl, options: DownloadOptions): DownloadFigures {
  const { seed, engine, bytes, countAfter = 0 } = options;
  const rng = new SeededRng(seed);
  const config = connectionConfig({
    engine,
    rng,
    congestionControl,
    maxIdleTimeout: options.until,
    maxAckDelay: MAX_ACK_DELAY,
    maxDatagramSize: DATAGRAM_SIZE,
    limits: { initialMaxData: WINDOW, initialMaxStreamData: WINDOW },
  });
  const figures = emptyFigures();
  const server = quicServer(config, { engine, rng }, tracer(figures));
  const client = new Endpoint({ config });
  const connection = connectQuic(client, { engine, rng }, CLIENT, SERVER);
  const onClientEvent = ({ event }: EndpointEvent, now: Instant): void => {
    if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    if (event.type === "connected") {
      figures.requestedAt = now;
      connection.write(connection.openStream("bidi")!, CHUNK.subarray(0, 1), true);
    }
    if (event.type !== "stream-readable") return;
    for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
      figures.received += piece.bytes.length;
      if (now >= countAfter) figures.receivedAfter += piece.bytes.length;
      if (piece.fin) figures.finishedAt = now;
    }
  };
  let written = 0;
  const send = (peer: Connection, id: Parameters<Connection["write"]>[0]): void => {
    for (let room = peer.writableBytes(id); room > 0 && written < bytes; room = peer.writableBytes(id)) {
      const length = Math.min(room, CHUNK.length, bytes - written);
      written += length;
      peer.write(id, CHUNK.subarray(0, length), written === bytes);
    }
  };
  const onServerEvent = ({ connection: peer, event }: EndpointEvent): void => {
    if (event.type === "stream-readable") while (peer.read(event.id) !== undefined);
    if (event.type === "stream-readable" || event.type === "stream-writable") send(peer, event.id);
  };
  return observe(
    options,
    figures,
    host({ name: "client", address: CLIENT, machine: client, onEvent: onClientEvent }),
    host({ name: "server", address: SERVER, machine: server, onEvent: onServerEvent }),
  );
}

/** Counts the server's packets. */
function tracer(figures: DownloadFigures): QuicTrace {
  let sentUpTo = 0;
  return (event) => {
    switch (event.type) {
      case "quic:packet-sent": {
        figures.packetsSent += 1;
        let isRepeated = false;
        for (const frame of event.frames) {
          if (frame.type !== "stream") continue;
          isRepeated ||= frame.offset < sentUpTo;
          sentUpTo = Math.max(sentUpTo, frame.offset + frame.data.length);
        }
        if (isRepeated) figures.retransmissions += 1;
        break;
      }
      case "quic:spurious-loss":
        figures.spuriousLosses += 1;
        break;
      case "quic:probe-timeout":
        figures.timeouts += 1;
        break;
      case "quic:recovery-metrics-updated": {
        const { smoothedRtt, rttVariance, ssthresh, congestionWindow } = event;
        // RFC 9002 §6.2.1.
        figures.probeTimeout = (smoothedRtt + Math.max(4 * rttVariance, GRANULARITY) + MAX_ACK_DELAY) as Micros;
        if (figures.slowStartExit !== undefined) break;
        figures.overflowsInSlowStart = figures.overflows;
        if (ssthresh !== Number.POSITIVE_INFINITY) figures.slowStartExit = congestionWindow;
      }
    }
  };
}
