/** As it is done today: telemetry in bare UDP, the upload over TCP, and neither knows of the other. */

import {
  type DatagramMachine,
  Ecn,
  type ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type Transmit,
} from "../../base/datagrams.ts";
import { type Instant, millis } from "../../base/time.ts";
import { host } from "../../sim/index.ts";
import { ClassicReceiver, ClassicSender, SEGMENT } from "../loss-recovery/classic-tcp.ts";
import { type Arm, type ArmOptions, serverAddress, vehicleAddress, vehicleName } from "./road.ts";
import type { Telemetry } from "./telemetry.ts";

/** As Linux has it. */
const MINIMUM_RTO = millis(200);

abstract class Machine implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  handleBatch(_received: ReceivedBatch, _now: Instant): void {}
  handleTimeout(): void {}
  nextTimeout(): Instant | undefined {
    return undefined;
  }
  pollTransmit(_slots: SlotWriter, _maxSegments: number, _now: Instant): Transmit | undefined {
    return undefined;
  }
  handleSent(): void {}
  pollEvent(): undefined {
    return undefined;
  }
  pollCommand(): undefined {
    return undefined;
  }
}

class TelemetrySource extends Machine {
  readonly #telemetry: Telemetry;
  readonly #remote: SocketAddress;
  #now = 0 as Instant;

  constructor(telemetry: Telemetry, remote: SocketAddress) {
    super();
    this.#telemetry = telemetry;
    this.#remote = remote;
  }

  override nextTimeout(): Instant | undefined {
    return this.#telemetry.next(this.#now);
  }

  override pollTransmit(slots: SlotWriter, _maxSegments: number, now: Instant): Transmit | undefined {
    this.#now = now;
    const due = this.#telemetry.next(now);
    if (due === undefined || due > now) return undefined;
    const bytes = this.#telemetry.take(now);
    slots.arena.set(bytes);
    const { length } = bytes;
    return { local: undefined, remote: this.#remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length };
  }
}

class TelemetrySink extends Machine {
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    super();
    this.#telemetry = telemetry;
  }

  override handleBatch({ arena, offset, length, count }: ReceivedBatch, now: Instant): void {
    for (let index = 0; index < count; index += 1) {
      this.#telemetry.arrived(arena.subarray(offset[index]!, offset[index]! + length[index]!), now);
    }
  }
}

/** Tells what it has received in order. */
class UploadSink extends ClassicReceiver {
  readonly #onUploaded: (bytes: number) => void;
  #told = 0;

  constructor(remote: SocketAddress, onUploaded: (bytes: number) => void) {
    super(remote);
    this.#onUploaded = onUploaded;
  }

  override handleBatch(received: ReceivedBatch, now: Instant): void {
    super.handleBatch(received, now);
    this.#onUploaded((this.received - this.#told) * SEGMENT);
    this.#told = this.received;
  }
}

export function overUdpAndTcp({ telemetry, onUploaded }: ArmOptions): Arm {
  return {
    vehicle: (index) =>
      host<unknown>(
        {
          name: vehicleName(index),
          address: vehicleAddress(index, 4_000),
          machine: new TelemetrySource(telemetry[index]!, serverAddress(5_000 + index)),
        },
        {
          name: `${vehicleName(index)}-upload`,
          address: vehicleAddress(index, 4_001),
          machine: new ClassicSender({
            remote: serverAddress(6_000 + index),
            bytes: Number.POSITIVE_INFINITY,
            minimumRto: MINIMUM_RTO,
          }),
        },
      ),
    server: () =>
      host<unknown>(
        ...telemetry.flatMap((each, index) => [
          {
            name: index === 0 ? "server" : `server-telemetry-${index + 1}`,
            address: serverAddress(5_000 + index),
            machine: new TelemetrySink(each),
          },
          {
            name: `server-upload-${index + 1}`,
            address: serverAddress(6_000 + index),
            machine: new UploadSink(vehicleAddress(index, 4_001), onUploaded),
          },
        ]),
      ),
  };
}
