// undici types its index only.
declare module "undici/lib/api/index.js" {
  const api: object;
  export default api;
}
declare module "undici/lib/core/errors.js" {
  const errors: object;
  export default errors;
}
declare module "undici/lib/core/diagnostics.js" {
  import type { Channel } from "node:diagnostics_channel";
  export const channels: Record<string, Pick<Channel, "hasSubscribers" | "publish"> | undefined>;
}
declare module "undici/lib/dispatcher/agent.js" {
  const Agent: unknown;
  export default Agent;
}
declare module "undici/lib/dispatcher/client.js" {
  const Client: unknown;
  export default Client;
}
declare module "undici/lib/dispatcher/dispatcher.js" {
  const Dispatcher: unknown;
  export default Dispatcher;
}
