/** One line about the workers of a server, for its start. */

import type { SteeringKind } from "../../host/workers/sockets.ts";
import type { Server } from "../running-server.ts";
import { SupervisedServer } from "./supervised-server.ts";

const STEERING: Readonly<Record<SteeringKind, string>> = {
  program: "the kernel steers HTTP/3 by connection id",
  addresses: "the kernel spreads HTTP/3 by addresses, and workers pass on what belongs to another",
  single: "HTTP/3 runs in the first of them",
};

export function describeSteering(server: Server): string {
  const count = server.workers.length;
  const processes = `${count} worker ${count === 1 ? "process" : "processes"}`;
  if (!(server instanceof SupervisedServer) || server.steering === undefined || count === 1) return processes;
  const why = server.problem === undefined ? "" : ` (${server.problem})`;
  return `${processes}; ${STEERING[server.steering]}${why}`;
}
