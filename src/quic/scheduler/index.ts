/** The scheduler tree: see the README of `quic/streams`. */
export { Demand, Leaf } from "./nodes.ts";
export type { Sender } from "./sender.ts";
export { DEFAULT_PRIORITY, SchedulerTree, SendGroup, type SendPriority, SendSession } from "./tree.ts";
