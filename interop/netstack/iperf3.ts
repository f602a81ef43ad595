/** iperf3's protocol over sockets of our own: a control connection with states of one byte, and one connection for bulk data. */

import type { Duplex } from "node:stream";
import type { HostNet, TcpServer, TcpSocket } from "../../src/host/netstack/index.ts";

// iperf_api.h
const State = {
  testStart: 1,
  testRunning: 2,
  testEnd: 4,
  parameters: 9,
  createStreams: 10,
  results: 13,
  display: 14,
  done: 16,
} as const;

const COOKIE = 37;
const BLOCK = new Uint8Array(128 * 1024);

/** What a test moved over the data connection. */
export interface Moved {
  readonly bytes: number;
  readonly seconds: number;
}

/** Reads a connection by pieces of known length. */
class Control {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  async read(length: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read(length) as Buffer | null;
      if (bytes !== null && bytes.length === length) return bytes;
      if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error("iperf3 closed its control connection");
      await new Promise<void>((resolve) => {
        const go = (): void => {
          for (const name of ["readable", "end", "close"]) this.#socket.off(name, go);
          resolve();
        };
        for (const name of ["readable", "end", "close"]) this.#socket.once(name, go);
      });
    }
  }

  async expect(state: number): Promise<void> {
    const [given] = await this.read(1);
    if (given !== state) throw new Error(`iperf3 is in state ${given}, not ${state}`);
  }

  say(state: number): void {
    this.#socket.write(Uint8Array.of(state));
  }

  async readJson(): Promise<Record<string, unknown>> {
    const length = (await this.read(4)).readUInt32BE(0);
    return JSON.parse((await this.read(length)).toString()) as Record<string, unknown>;
  }

  sayJson(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    this.#socket.write(Buffer.concat([length, text]));
  }
}

const resultsOf = ({ bytes, seconds }: Moved): unknown => ({
  cpu_util_total: 0,
  cpu_util_user: 0,
  cpu_util_system: 0,
  sender_has_retransmits: -1,
  streams: [
    {
      id: 1,
      bytes,
      retransmits: -1,
      jitter: 0,
      errors: 0,
      omitted_errors: 0,
      packets: 0,
      omitted_packets: 0,
      start_time: 0,
      end_time: seconds,
    },
  ],
});

/** Sends or counts until `stop`. */
class Bulk {
  #bytes = 0;
  #isOver = false;
  readonly #start = performance.now();
  readonly #socket: TcpSocket;
  #end: number | undefined;

  constructor(socket: TcpSocket, isSending: boolean) {
    this.#socket = socket;
    socket.on("error", () => {});
    if (isSending) this.#send();
    else {
      socket.on("data", (part: Buffer) => {
        this.#bytes += part.length;
      });
    }
  }

  #send(): void {
    while (!this.#isOver && !this.#socket.destroyed) {
      this.#bytes += BLOCK.length;
      if (!this.#socket.write(BLOCK)) {
        this.#socket.once("drain", () => this.#send());
        return;
      }
    }
  }

  stop(): void {
    this.#isOver = true;
    this.#end ??= performance.now();
  }

  get moved(): Moved {
    return { bytes: this.#bytes, seconds: ((this.#end ?? performance.now()) - this.#start) / 1_000 };
  }
}

/** Serves iperf3's tests on a port. `onTest` gets what each moved, or why it failed. */
export function serveIperf3(net: HostNet, port: number, onTest: (result: Moved | Error) => void): TcpServer {
  let waiting: ((socket: TcpSocket) => void) | undefined;
  const run = async (socket: TcpSocket): Promise<Moved> => {
    const control = new Control(socket.on("error", () => {}));
    await control.read(COOKIE);
    control.say(State.parameters);
    const { reverse = false } = await control.readJson();
    const opened = new Promise<TcpSocket>((resolve) => {
      waiting = resolve;
    });
    control.say(State.createStreams);
    const data = await opened;
    await new Control(data).read(COOKIE);
    control.say(State.testStart);
    control.say(State.testRunning);
    const bulk = new Bulk(data, reverse === true);
    await control.expect(State.testEnd);
    bulk.stop();
    control.say(State.results);
    await control.readJson();
    control.sayJson(resultsOf(bulk.moved));
    control.say(State.display);
    await control.expect(State.done);
    data.destroy();
    socket.destroy();
    return bulk.moved;
  };
  return net
    .createServer((socket) => {
      const take = waiting;
      waiting = undefined;
      if (take === undefined) run(socket).then(onTest, onTest);
      else take(socket);
    })
    .listen(port);
}

/** Runs a test against an iperf3 server for some seconds. */
export async function runIperf3(
  net: HostNet,
  { host, port, seconds, reverse }: { host: string; port: number; seconds: number; reverse: boolean },
): Promise<Moved> {
  const cookie = Buffer.from(`${"nagare".padEnd(COOKIE - 1, "0")}\0`);
  const socket = net.connect({ host, port, noDelay: true }).on("error", () => {});
  const control = new Control(socket);
  socket.write(cookie);
  await control.expect(State.parameters);
  // iperf3 takes `reverse` for true if it is there.
  const test = { tcp: true, omit: 0, time: seconds, num: 0, blockcount: 0, parallel: 1, len: BLOCK.length };
  control.sayJson(reverse ? { ...test, reverse } : test);
  await control.expect(State.createStreams);
  const data = net.connect({ host, port });
  data.write(cookie);
  await control.expect(State.testStart);
  await control.expect(State.testRunning);
  const bulk = new Bulk(data, !reverse);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  bulk.stop();
  control.say(State.testEnd);
  await control.expect(State.results);
  control.sayJson(resultsOf(bulk.moved));
  const { streams } = (await control.readJson()) as { streams: readonly { bytes: number }[] };
  await control.expect(State.display);
  control.say(State.done);
  data.destroy();
  socket.destroy();
  // What arrived counts, not what was buffered.
  return { bytes: reverse ? bulk.moved.bytes : streams[0]!.bytes, seconds: bulk.moved.seconds };
}
