/** Connection ids of this process's endpoints. They encode the worker and the node that own the connection. */

import { type Rng, randomBytes } from "../../base/rng.ts";
import { type ConnectionIdGenerator, keyPeriodAt, RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";
import { type HostClock, wallTime } from "../clock.ts";

const ROUTE = { generation: 0, worker: 0, node: 0 };

export function connectionIds(rng: Rng, clock: HostClock): ConnectionIdGenerator {
  // A single process is the only reader of its routes, so it has one random key for them under all numbers.
  const key = randomBytes(rng, 16);
  const keys = new RoutedIdKeys([key, key, key, key]);
  return new RoutedConnectionIds(rng, keys, ROUTE, () => keyPeriodAt(wallTime(clock)));
}
