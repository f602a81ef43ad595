/** Connection ids of this process's endpoints: they name the worker and the node whose connection it is. */

import { randomBytes } from "../../base/rng.ts";
import { type ConnectionIdGenerator, RoutedConnectionIds, RoutedIdKeys } from "../../quic/index.ts";
import { systemRng } from "../random.ts";

/** A process that stands alone is the only one to read its ids, so the key is its own. */
const ROUTE = { key: 0, generation: 0, worker: 0, node: 0 };

export const connectionIds = (): ConnectionIdGenerator =>
  new RoutedConnectionIds(systemRng, new RoutedIdKeys([randomBytes(systemRng, 16)]), ROUTE);
