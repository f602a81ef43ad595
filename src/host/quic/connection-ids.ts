/** Connection ids of this process's endpoints. They encode the worker and the node that own the connection. */

import { type Rng, randomBytes } from "../../base/rng.ts";
import { type ConnectionIdGenerator, RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";

/** A single process is the only reader of its ids, so it uses its own random key. */
const ROUTE = { key: 0, generation: 0, worker: 0, node: 0 };

export const connectionIds = (rng: Rng): ConnectionIdGenerator =>
  new RoutedConnectionIds(rng, new RoutedIdKeys([randomBytes(rng, 16)]), ROUTE);
