// What speaks HTTP/3 unless the caller brings something else.
import type { Http3Connector } from "./http3.ts";

/** Our own stack, loaded with the first connection that needs it: a client of HTTP/2 alone does not wait for it. */
export function ownHttp3(): Http3Connector {
  let loading: Promise<Http3Connector> | undefined;
  const ready = () => {
    loading ??= import("./h3-connector.ts").then(({ createHttp3Connector }) => createHttp3Connector());
    return loading;
  };
  return {
    ready,
    connect: async (origin, options) => (await ready()).connect(origin, options),
    close: async () => (await loading)?.close(),
  };
}
