/** QUIC as it is: telemetry in DATAGRAM frames, the upload in a stream, both in one connection. A lost datagram is lost. */

import { type Instant, millis, seconds } from "../../base/time.ts";
import { connectionConfig, DEFAULT_DATAGRAM_LIMITS, Endpoint, type EndpointEvent } from "../../quic/index.ts";
import { host, SeededRng } from "../../sim/index.ts";
import { connectQuic, quicServer } from "../quic-ends.ts";
import { type Arm, type ArmOptions, serverAddress, vehicleAddress, vehicleName } from "./road.ts";
import { Ticking } from "./ticking.ts";

const CHUNK = new Uint8Array(65_536);
/** Flow control must never be the limit. */
const WINDOW = 8 * 1024 * 1024;
const DATAGRAM_SIZE = 1_200;

export function overQuic({ seed, engine, telemetry, onUploaded }: ArmOptions): Arm {
  const configure = (rng: SeededRng) =>
    connectionConfig({
      engine,
      rng,
      maxIdleTimeout: seconds(60),
      maxAckDelay: millis(25),
      maxDatagramSize: DATAGRAM_SIZE,
      datagrams: DEFAULT_DATAGRAM_LIMITS,
      limits: { initialMaxData: WINDOW, initialMaxStreamData: WINDOW },
    });
  return {
    vehicle(index) {
      const load = telemetry[index]!;
      const rng = new SeededRng(seed + index);
      const endpoint = new Endpoint({ config: configure(rng) });
      const connection = connectQuic(endpoint, { engine, rng }, vehicleAddress(index), serverAddress());
      let clock = 0 as Instant;
      let flow: ReturnType<typeof connection.openDatagramFlow> | undefined;
      let upload: ReturnType<typeof connection.openStream>;
      return host<EndpointEvent>({
        name: vehicleName(index),
        address: vehicleAddress(index),
        machine: new Ticking(endpoint, () => (flow === undefined ? undefined : load.next(clock))),
        onEvent({ event }, now) {
          if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
          if (event.type !== "connected") return;
          upload = connection.openStream("uni");
          flow = connection.openDatagramFlow();
          connection.setPriority(upload!, { urgency: 7, incremental: false });
        },
        application(now) {
          clock = now;
          if (flow === undefined) return;
          for (let due = load.next(now); due !== undefined && due <= now; due = load.next(now))
            flow.send(load.take(now));
          for (let room = connection.writableBytes(upload!); room > 0; room = connection.writableBytes(upload!)) {
            connection.write(upload!, CHUNK.subarray(0, Math.min(room, CHUNK.length)), false);
          }
        },
      });
    },
    server() {
      const rng = new SeededRng(seed + 100);
      const endpoint = quicServer(configure(rng), { engine, rng });
      return host<EndpointEvent>({
        name: "server",
        address: serverAddress(),
        machine: endpoint,
        onEvent({ connection, event }, now) {
          if (event.type === "datagram-readable") {
            for (let bytes = connection.readDatagram(); bytes !== undefined; bytes = connection.readDatagram()) {
              telemetry[Number(connection.remoteAddress.host.split(".").at(-1)) - 1]!.arrived(bytes, now);
            }
          }
          if (event.type !== "stream-readable") return;
          for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
            onUploaded(piece.bytes.length);
          }
        },
      });
    },
  };
}
