// The HTTP/3 connector that is used unless the caller supplies another.
import type { EngineChoice } from "../engine/choice.ts";
import type { QlogSettings } from "../qlog/options.ts";
import type { QuicEnvironment } from "../quic/environment.ts";
import {
  checkGroups,
  congestionControlNamed,
  idleLimit,
  type QuicClientOptions,
  versionNumbers,
} from "../quic/quic-options.ts";
import { type TraceConnection, traceAll } from "../quic/tracing.ts";
import type { Http3Connector } from "./http3.ts";

/** Sockets of another kind than the system's, such as tunnels. */
export interface SocketsOver {
  environment(system: QuicEnvironment): QuicEnvironment;
  close(): Promise<void>;
}

/** Our own stack, loaded for the first connection that needs it, so that clients of HTTP/2 do not wait for it. */
export function ownHttp3(
  options: QuicClientOptions = {},
  engine: EngineChoice = "auto",
  qlog?: QlogSettings,
  trace?: TraceConnection,
  through?: SocketsOver,
): Http3Connector {
  // Reports mistakes before the first connection.
  versionNumbers(options);
  checkGroups(options.groups);
  congestionControlNamed(options.congestionControl);
  if (options.idleTimeout !== undefined) idleLimit(options.idleTimeout);
  let loading: Promise<Http3Connector> | undefined;
  const ready = () => {
    loading ??= load(options, engine, qlog, trace, through);
    return loading;
  };
  return {
    ready,
    connect: async (origin, options) => (await ready()).connect(origin, options),
    close: async () => (await loading)?.close(),
  };
}

async function load(
  options: QuicClientOptions,
  engine: EngineChoice,
  qlog: QlogSettings | undefined,
  trace: TraceConnection | undefined,
  through: SocketsOver | undefined,
): Promise<Http3Connector> {
  const [{ createHttp3Connector }, { systemEnvironmentWith }, { chooseEngine }] = await Promise.all([
    import("./h3-connector.ts"),
    import("../quic/environment.ts"),
    import("../engine/engine.ts"),
  ]);
  // Probes the engine now; connecting reports a failure.
  await chooseEngine(engine).catch(() => undefined);
  const create = (traced: TraceConnection | undefined): Http3Connector => {
    const environment = systemEnvironmentWith(engine, traced);
    return createHttp3Connector(through === undefined ? environment : through.environment(environment), options);
  };
  const closeAll = async (connector: Http3Connector): Promise<void> => {
    await connector.close();
    await through?.close();
  };
  if (qlog === undefined) {
    const connector = create(trace);
    return { ...connector, close: () => closeAll(connector) };
  }
  const recorder = new (await import("../qlog/recorder.ts")).QlogRecorder(qlog);
  const connector = create(traceAll([recorder.trace, trace]));
  const close = async (): Promise<void> => {
    await closeAll(connector);
    await recorder.close();
  };
  return { ...connector, close };
}
