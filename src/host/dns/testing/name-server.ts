/** An authoritative server on loopback, for tests: answers from records over UDP and TCP. Names with "never" get no answer. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import {
  type DnsServer,
  emitMessage,
  isSameName,
  type Message,
  MessageStream,
  parseMessage,
  parseRecord,
  RCODES,
  withLength,
} from "../../../dns/index.ts";

export interface NameServer extends AsyncDisposable {
  readonly udp: DnsServer;
  readonly tcp: DnsServer;
  /** The queries so far. */
  readonly queries: readonly Message[];
}

export interface NameServerOptions {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** Fails if it is taken; by default, the system chooses one. */
  readonly port?: number;
  /** Milliseconds before a query is answered; Infinity for never. */
  readonly delay?: (query: Message) => number;
  /** Changes a response, or replaces it by bytes. */
  readonly change?: (response: Message, query: Message) => Message | Uint8Array | undefined;
}

const UDP_SIZE = 512;

export async function nameServer(lines: readonly string[], options: NameServerOptions = {}): Promise<NameServer> {
  const records = lines.map((line) => parseRecord(line));
  const queries: Message[] = [];
  const timers = new Set<NodeJS.Timeout>();

  const respond = (bytes: Uint8Array, maxSize: number, send: (bytes: Uint8Array) => void): void => {
    const query = parseMessage(bytes);
    queries.push(query);
    const [question] = query.questions;
    if (question === undefined || question.name.toLowerCase().includes("never")) return;
    const owned = records.filter(({ name }) => isSameName(name, question.name));
    const answers = owned.filter(({ type, data }) => type === question.type || data.type === "CNAME");
    const response: Message = {
      ...query,
      isResponse: true,
      rcode: owned.length === 0 ? RCODES.NXDOMAIN : RCODES.NOERROR,
      answers: answers.map((each) => ({ ...each, name: question.name })),
    };
    const changed = options.change === undefined ? response : options.change(response, query);
    if (changed === undefined) return;
    const emitted = changed instanceof Uint8Array ? changed : emitMessage(changed, maxSize);
    const delay = options.delay?.(query) ?? 0;
    if (delay === 0) send(emitted);
    else if (delay !== Number.POSITIVE_INFINITY) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        send(emitted);
      }, delay);
      timers.add(timer);
    }
  };

  const tcp = createServer((socket) => {
    const stream = new MessageStream();
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (bytes: Uint8Array) => {
      for (const each of stream.push(bytes)) respond(each, 65_535, (answer) => socket.write(withLength(answer)));
    });
  });
  const sockets = new Set<Socket>();
  // A port that is free for both.
  const udp = createSocket("udp4");
  const { host = "127.0.0.1", port: wanted = 0 } = options;
  for (;;) {
    tcp.listen(wanted, host);
    await once(tcp, "listening");
    const { port } = tcp.address() as { port: number };
    udp.bind(port, host);
    const isBound = await once(udp, "listening").then(
      () => true,
      () => false,
    );
    if (isBound) break;
    tcp.close();
    await once(tcp, "close");
    if (wanted !== 0) throw new Error(`port ${wanted} of ${host} is taken`);
  }
  udp.on("error", () => {});
  let isOpen = true;
  udp.on("message", (bytes, from) => {
    respond(bytes, UDP_SIZE, (answer) => {
      if (isOpen) udp.send(answer, from.port, from.address);
    });
  });
  const { port } = udp.address();
  const server = { address: host, port };
  return {
    udp: { ...server, protocol: "udp" },
    tcp: { ...server, protocol: "tcp" },
    queries,
    async [Symbol.asyncDispose]() {
      isOpen = false;
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      udp.close();
      tcp.close();
      await Promise.all([once(tcp, "close"), once(udp, "close")]);
    },
  };
}
