// One exchange with a DNS server, over a socket of its own: the system chooses a random port.
import { createSocket } from "node:dgram";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type DnsProtocol, type DnsServer, MessageStream, withLength } from "../../dns/index.ts";
import { detach, type Fault, guard, ignore } from "../guard.ts";

export interface ExchangeHandlers {
  /** May be called several times. */
  onResponse(bytes: Uint8Array): void;
  onFailure(why: string): void;
  onFault(fault: Fault): void;
}

/** Carries one message by HTTP or QUIC, for resolvers that have a client. Rejects with the reason. */
export type Carry = (server: DnsServer, message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

export interface ExchangeOptions {
  /** Authorities to trust for TLS instead of Node's own, as PEM. */
  readonly ca?: string | readonly string[] | undefined;
  /** Skips the verification of certificates, and thus accepts any impostor. */
  readonly acceptsAnyCertificate?: boolean;
  readonly carry?: Carry | undefined;
}

/** Sends a message. The function that it returns closes the socket; nothing is reported after that. */
export function openExchange(
  server: DnsServer,
  over: DnsProtocol,
  message: Uint8Array,
  handlers: ExchangeHandlers,
  options: ExchangeOptions = {},
): () => void {
  if (over === "udp") return openUdp(server, message, handlers);
  if (over === "tcp" || over === "tls") return openStream(server, over, message, handlers, options);
  return carryMessage(server, over, message, handlers, options);
}

function openUdp({ address, port }: DnsServer, message: Uint8Array, handlers: ExchangeHandlers): () => void {
  const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    socket.close();
  };
  const { onFault } = handlers;
  socket.on(
    "message",
    guard("client dns udp message", onFault, (bytes: Uint8Array) => {
      if (isOpen) handlers.onResponse(bytes);
    }),
  );
  socket.on(
    "error",
    guard("client dns udp error", onFault, (error: NodeJS.ErrnoException) => {
      if (!isOpen) return;
      close();
      handlers.onFailure(error.code ?? error.message);
    }),
  );
  // A connected socket receives from the server alone, and learns that its port is closed.
  const send = guard("client dns udp connected", onFault, () => {
    if (isOpen) socket.send(message);
  });
  socket.connect(port, address, send);
  return close;
}

function openStream(
  { address, port, name }: DnsServer,
  over: "tcp" | "tls",
  message: Uint8Array,
  handlers: ExchangeHandlers,
  { ca, acceptsAnyCertificate }: ExchangeOptions,
): () => void {
  const stream = new MessageStream();
  const { onFault } = handlers;
  const servername = name ?? address;
  const socket: Socket =
    over === "tcp"
      ? connectTcp({ host: address, port })
      : connectTls({
          host: address,
          port,
          // RFC 6066 §3: an address literal is not a server name.
          ...(isIP(servername) === 0 ? { servername } : { host: servername }),
          ALPNProtocols: ["dot"], // RFC 7858 §7.1 in IANA's registry
          rejectUnauthorized: acceptsAnyCertificate !== true,
          ...(ca === undefined ? {} : { ca: [...(typeof ca === "string" ? [ca] : ca)] }),
        });
  let isOpen = true;
  const close = (): void => {
    isOpen = false;
    socket.on("error", ignore);
    socket.destroy();
  };
  const fail = (why: string): void => {
    if (!isOpen) return;
    close();
    handlers.onFailure(why);
  };
  socket.on(
    "data",
    guard("client dns stream data", onFault, (bytes: Uint8Array) => {
      for (const each of stream.push(bytes)) if (isOpen) handlers.onResponse(each);
    }),
  );
  socket.on(
    "error",
    guard("client dns stream error", onFault, (error: NodeJS.ErrnoException) => fail(error.code ?? error.message)),
  );
  socket.on(
    "close",
    guard("client dns stream closed", onFault, () => fail("the server closed the connection without an answer")),
  );
  socket.write(withLength(message));
  return close;
}

function carryMessage(
  server: DnsServer,
  over: DnsProtocol,
  message: Uint8Array,
  handlers: ExchangeHandlers,
  { carry }: ExchangeOptions,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const carried =
    carry?.(server, message, signal) ?? Promise.reject(new Error(`DNS over ${over.toUpperCase()} needs a client`));
  const done = carried.then(
    (bytes) => {
      if (!signal.aborted) handlers.onResponse(bytes);
    },
    (error: unknown) => {
      if (!signal.aborted) handlers.onFailure(error instanceof Error ? error.message : String(error));
    },
  );
  detach("client dns carried", handlers.onFault, done);
  return () => controller.abort();
}
