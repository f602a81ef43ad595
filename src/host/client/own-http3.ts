// The HTTP/3 connector that is used unless the caller supplies another.
import { type QuicClientOptions, versionNumbers } from "../quic/quic-options.ts";
import type { Http3Connector } from "./http3.ts";

/** Our own stack, loaded for the first connection that needs it, so that clients of HTTP/2 do not wait for it. */
export function ownHttp3(options: QuicClientOptions = {}): Http3Connector {
  versionNumbers(options); // reports a mistake before the first connection
  let loading: Promise<Http3Connector> | undefined;
  const ready = () => {
    loading ??= import("./h3-connector.ts").then(({ createHttp3Connector }) =>
      createHttp3Connector(undefined, options),
    );
    return loading;
  };
  return {
    ready,
    connect: async (origin, options) => (await ready()).connect(origin, options),
    close: async () => (await loading)?.close(),
  };
}
