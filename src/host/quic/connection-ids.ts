/** Connection ids of this process's endpoints: they name the worker and the node whose connection it is. */

import { type Rng, randomBytes } from "../../base/rng.ts";
import { type ConnectionIdGenerator, RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";

/** A process that stands alone is the only one to read its ids, so the key is its own. */
const ROUTE = { key: 0, generation: 0, worker: 0, node: 0 };

export const connectionIds = (rng: Rng): ConnectionIdGenerator =>
  new RoutedConnectionIds(rng, new RoutedIdKeys([randomBytes(rng, 16)]), ROUTE);
