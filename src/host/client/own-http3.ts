// The HTTP/3 connector that is used unless the caller supplies another.
import type { Http3Connector } from "./http3.ts";

/** Our own stack, loaded for the first connection that needs it, so that clients of HTTP/2 do not wait for it. */
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
