/** TCP's parameters for applications, in milliseconds and bytes. */

import { millis } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import type { TcpConnectionOptions } from "../../tcp/index.ts";
import { duration } from "../timer.ts";

/** TCP's parameters. */
export interface TcpSettings {
  /** "cubic" by default. */
  readonly congestionControl?: CongestionControl;
  /** Bytes that may wait for the application; 1 MiB by default. */
  readonly receiveBuffer?: number;
  /** Milliseconds until an unanswered SYN fails; 180,000 by default (RFC 9293 MUST-23). */
  readonly connectTimeout?: number;
  /** Milliseconds until unacknowledged data ends the connection; 120,000 by default (RFC 9293 MUST-21). */
  readonly userTimeout?: number;
  /** Milliseconds between keep-alive probes; 75,000 by default. */
  readonly keepAliveInterval?: number;
  /** Unanswered probes that end a connection; 9 by default. */
  readonly keepAliveProbes?: number;
  /** Milliseconds in TIME-WAIT; 60,000 by default. */
  readonly timeWait?: number;
  /** RFC 7323; true by default. */
  readonly timestamps?: boolean;
  /** RFC 2018; true by default. */
  readonly sack?: boolean;
  /** RFC 7323; true by default. */
  readonly windowScale?: boolean;
  /** Asks for ECN (RFC 3168); false by default. A peer that asks for it gets it. */
  readonly ecn?: boolean;
  /** Diffserv bits of the IP header; 0 by default. */
  readonly trafficClass?: number;
  /** The hop limit, or TTL; what routers advertise, or 64, by default. */
  readonly hopLimit?: number;
}

/** Members whose values are the same in the machine. */
const SAME = [
  "congestionControl",
  "receiveBuffer",
  "keepAliveProbes",
  "timestamps",
  "sack",
  "windowScale",
  "ecn",
  "trafficClass",
  "hopLimit",
] as const satisfies readonly (keyof TcpSettings)[];

/** Members that are milliseconds here. */
const TIMES = [
  "connectTimeout",
  "userTimeout",
  "keepAliveInterval",
  "timeWait",
] as const satisfies readonly (keyof TcpSettings)[];

export function connectionOptions(settings: TcpSettings): Partial<TcpConnectionOptions> {
  const options: Record<string, unknown> = {};
  for (const name of SAME) if (settings[name] !== undefined) options[name] = settings[name];
  for (const name of TIMES) if (settings[name] !== undefined) options[name] = millis(duration(name, settings[name]));
  if (settings.receiveBuffer !== undefined && !(settings.receiveBuffer >= 4_096)) {
    throw new RangeError(`receiveBuffer is ${settings.receiveBuffer}: give at least 4096 bytes`);
  }
  return options;
}
