/** The options of connections that nothing else was asked for. */

import { millis, seconds } from "../base/time.ts";
import type { TcpConnectionOptions } from "./connection.ts";

export const connectionDefaults = (): TcpConnectionOptions => ({
  congestionControl: "cubic",
  minRto: millis(200),
  userTimeout: seconds(120),
  connectTimeout: seconds(180),
  receiveBuffer: 1024 * 1024,
  noDelay: false,
  keepAlive: false,
  keepAliveIdle: seconds(7_200),
  keepAliveInterval: seconds(75),
  keepAliveProbes: 9,
  // deviation: RFC 9293 §3.4.2 has 4 minutes (2 MSL); Linux has one, as here.
  timeWait: seconds(60),
  timestamps: true,
  sack: true,
  windowScale: true,
  ecn: false,
  trafficClass: 0,
  hopLimit: undefined,
});
