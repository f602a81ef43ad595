/** The controller of flows: by delay, so that what is urgent finds short queues. */

import type { CongestionController } from "../../congestion/controller.ts";
import { Ledbat } from "../../congestion/ledbat.ts";

export const createController = (packetSize: number): CongestionController => new Ledbat(packetSize);
