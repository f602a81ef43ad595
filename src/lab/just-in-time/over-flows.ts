/** Just-in-time flows: one session for each vehicle carries both, and knows what is urgent and when. */

import { after, type Instant, micros, millis } from "../../base/time.ts";
import { PlainFlowEndpoint, type PlainFlowEvent } from "../../flows/index.ts";
import { host } from "../../sim/index.ts";
import { type Arm, type ArmOptions, serverAddress, vehicleAddress, vehicleName } from "./road.ts";
import { DEADLINE, TELEMETRY } from "./telemetry.ts";
import { Ticking } from "./ticking.ts";

const CHUNK = new Uint8Array(65_536);
const SESSION = { initialRtt: millis(50) };

export function overFlows({ telemetry, onUploaded }: ArmOptions): Arm {
  /** The vehicle of each session that the server has, by its address. */
  const vehicleOf = (host: string): number => Number(host.split(".").at(-1)) - 1;
  return {
    vehicle(index) {
      const load = telemetry[index]!;
      const endpoint = new PlainFlowEndpoint({ listens: false, session: SESSION });
      const session = endpoint.connect(serverAddress());
      let clock = 0 as Instant;
      const urgent = session.open({
        kind: "stateful-datagram",
        priority: 0,
        period: micros(1_000_000 / load.rate),
        maxUnit: TELEMETRY,
      });
      const upload = session.open({ kind: "stateful-stream", priority: 200 });
      return host<PlainFlowEvent>({
        name: vehicleName(index),
        address: vehicleAddress(index),
        machine: new Ticking(endpoint, () => load.next(clock)),
        application(now) {
          clock = now;
          for (let due = load.next(now); due !== undefined && due <= now; due = load.next(now)) {
            session.send(urgent, load.take(now), { deadline: after(now, DEADLINE) });
          }
          while (session.write(upload, CHUNK, now) === CHUNK.length);
        },
      });
    },
    server: () =>
      host<PlainFlowEvent>({
        name: "server",
        address: serverAddress(),
        machine: new PlainFlowEndpoint({ listens: true, session: SESSION }),
        onEvent({ session, remote, event }, now) {
          if (event.type === "message") telemetry[vehicleOf(remote.host)]!.arrived(event.bytes, now);
          if (event.type !== "readable") return;
          for (let piece = session.read(event.flow); piece !== undefined; piece = session.read(event.flow)) {
            onUploaded(piece.bytes.length);
          }
        },
      }),
  };
}
