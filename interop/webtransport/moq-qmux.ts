/**
 * Both ends of sessions over a WebSocket with @moq/qmux, a program with the command line of those in `peers/`. Its server stands
 * on the WebSocket of `ws`, and so does its client, to trust the run's authority.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { WebSocket, WebSocketServer } from "ws";
import type { WebTransportSession } from "../../src/host/webtransport/web-transport-session.ts";
import { exercise, SUBPROTOCOLS } from "./exercise.ts";

/** What is used of the package. */
interface Qmux {
  readonly default: {
    new (url: string | WebSocket, options?: object): WebTransportSession;
    accept(socket: WebSocket): WebTransportSession;
  };
  readonly selectSubprotocol: (offered: readonly string[], options: object) => string | undefined;
  readonly StreamError: new (code: number) => Error;
}

const { values } = parseArgs({
  options: {
    modules: { type: "string" },
    role: { type: "string" },
    address: { type: "string" },
    name: { type: "string" },
    ca: { type: "string" },
    cert: { type: "string" },
    key: { type: "string" },
    webtransport: { type: "string" },
  },
});

// Node 20 has not yet what the package uses.
(Promise as unknown as { withResolvers: unknown }).withResolvers ??= () => {
  const made: Record<string, unknown> = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
const [, CHOSEN] = SUBPROTOCOLS;
const entry = join(values.modules!, "@moq/qmux/index.js");
const { default: Session, selectSubprotocol, StreamError } = (await import(pathToFileURL(entry).href)) as Qmux;
const errorWith = (code: number): Error => new StreamError(code);
const port = Number(new URL(`https://${values.address}`).port);

const report = async (session: WebTransportSession, closes: boolean): Promise<void> => {
  await session.ready;
  const end = await exercise(session, errorWith, closes);
  process.stdout.write(`${JSON.stringify({ protocol: session.protocol, ...end })}\n`);
};

if (values.role === "client") {
  const ca = await readFile(values.ca!);
  const host = values.address!.replace(/:\d+$/, "");
  // As the package would offer them.
  const offered = SUBPROTOCOLS.flatMap((each) =>
    ["qmux-02", "qmux-01", "qmux-00"].map((version) => `${version}.${each}`),
  );
  const socket = new WebSocket(`wss://${values.name}:${port}/${values.webtransport}`, offered, {
    ca,
    lookup: (_name, options, callback) =>
      options.all === true ? callback(null, [{ address: host, family: 4 }]) : callback(null, host, 4),
  });
  socket.on("error", (error) => process.stderr.write(`${error.message}\n`));
  await report(new Session(socket), values.webtransport === "client-closes");
  process.exit(0);
} else {
  const server = createServer({ cert: await readFile(values.cert!), key: await readFile(values.key!) });
  const sockets = new WebSocketServer({
    server,
    handleProtocols: (offered) =>
      selectSubprotocol([...offered], { protocols: [CHOSEN], versions: { [CHOSEN]: null } }) ?? false,
  });
  sockets.on("connection", (socket, request) => {
    const session = Session.accept(socket);
    report(session, request.url === "/server-closes").catch((error: Error) =>
      process.stderr.write(`${error.message}\n`),
    );
  });
  server.listen(port, "127.0.0.1");
}
