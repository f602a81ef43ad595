/** A tunnel over HTTP/3 for tests: our own HTTP/3 machine on a socket, and its stream as a Node Duplex. */
import { Duplex } from "node:stream";
import { H3_ERRORS, H3Connection, type H3Event } from "../../../h3/index.ts";
import { connectionConfig, Endpoint, isTransportEvent, type StreamId } from "../../../quic/index.ts";
import { createTlsClient } from "../../../tls/index.ts";
import { cryptoEngine } from "../../engine/engine.ts";
import { QuicDriver } from "../../quic/driver.ts";
import { systemRng } from "../../random.ts";
import { bindPortableSocket } from "../../udp/portable-socket.ts";
import { TARGET, type TestTunnel, type TunnelClientOptions } from "./test-tunnel.ts";

class Http3Stream extends Duplex {
  readonly #h3: H3Connection;
  readonly #id: StreamId;
  readonly #pump: () => void;
  #waiting: (() => void) | undefined;

  constructor(h3: H3Connection, id: StreamId, pump: () => void) {
    super();
    this.#h3 = h3;
    this.#id = id;
    this.#pump = pump;
  }

  override _read(): void {
    for (let chunk = this.#h3.readData(this.#id); chunk !== undefined; chunk = this.#h3.readData(this.#id)) {
      if (!this.push(chunk.bytes)) break;
    }
    // Reading may have reached the end of the message.
    queueMicrotask(this.#pump);
  }

  override _write(bytes: Uint8Array, _encoding: unknown, done: () => void): void {
    if (this.#h3.writeData(this.#id, bytes, false)) done();
    else this.#waiting = done;
    queueMicrotask(this.#pump);
  }

  override _final(done: () => void): void {
    this.#h3.writeData(this.#id, new Uint8Array(0), true);
    this.#pump();
    done();
  }

  handleWritable(): void {
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  cutOff(): void {
    this.#h3.cancel(this.#id, H3_ERRORS.H3_REQUEST_CANCELLED.code);
    this.#pump();
  }
}

export async function openHttp3Tunnel({
  port,
  protocol,
  headers = {},
  path = "/chat",
  onClose,
}: TunnelClientOptions): Promise<TestTunnel> {
  const engine = await cryptoEngine();
  const driver = new QuicDriver(new Endpoint({ config: connectionConfig({ engine, rng: systemRng }) }), [
    await bindPortableSocket(0, "127.0.0.1"),
  ]);
  const connection = driver.endpoint.connect(
    {
      remote: { family: 4, host: "127.0.0.1", port },
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng: systemRng, alpn: ["h3"], transportParameters, serverName: "localhost" }),
    },
    driver.now(),
  );
  const h3 = new H3Connection(connection, { rng: systemRng });
  let onEvent: (event: H3Event) => void = () => {};
  const pump = (): void => {
    for (let event = h3.pollEvent(); event !== undefined; event = h3.pollEvent()) onEvent(event);
  };
  driver.attach(connection, {
    handleEvent: (event) => {
      if (event.type === "verify-certificate") connection.certificateVerdict(undefined, driver.now());
      else if (isTransportEvent(event)) h3.handleTransportEvent(event);
      pump();
    },
  });
  onClose(() => {
    h3.close();
    return driver.close();
  });
  return new Promise((resolve, reject) => {
    let stream: Http3Stream | undefined;
    onEvent = (event) => {
      switch (event.type) {
        case "settings": {
          const target =
            protocol === undefined
              ? { authority: TARGET }
              : { scheme: "https", authority: `localhost:${port}`, path, protocol };
          const id = h3.request({ method: "CONNECT", ...target, fields: Object.entries(headers) }, false)!;
          stream = new Http3Stream(h3, id, pump);
          stream.on("error", () => undefined);
          break;
        }
        case "response":
          resolve({
            status: event.head.status,
            headers: Object.fromEntries(event.head.fields),
            stream: stream!,
            cutOff: () => stream!.cutOff(),
            isReset: () => stream!.errored !== null,
          });
          if (event.fin) stream!.push(null);
          break;
        case "data":
          stream!._read();
          break;
        case "writable":
          stream!.handleWritable();
          break;
        case "finished":
          stream!.push(null);
          break;
        case "reset":
          stream!.destroy(new Error(event.detail));
          break;
        case "closed":
          reject(new Error("the connection is closed"));
          stream?.destroy(new Error("the connection is closed"));
      }
    };
  });
}
