/** The controller of flows: by delay, so that what is urgent finds short queues. */

import type { CongestionController } from "../../congestion/controller.ts";
import { Copa } from "../../congestion/copa.ts";

export const createController = (packetSize: number): CongestionController => new Copa(packetSize);
