/**
 * A host of our own on a device: sockets shaped like `node:net` and `node:dgram` on our TCP and UDP, so that node:http,
 * node:tls, node:http2 and undici run on it.
 */

import type { Agent } from "node:http";
import type { Rng } from "../../base/rng.ts";
import { type Micros, toMillis } from "../../base/time.ts";
import { type IpOptions, type Prefix, parsePrefix } from "../../ip/index.ts";
import { type LinkDevice, type MacAddress, parseMac, randomMac } from "../../link/index.ts";
import type { Stack } from "../../netstack/index.ts";
import { formatIpAddress, ipVersion, parseIpAddress } from "../../wire/ip-address.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { systemRng } from "../random.ts";
import { Timer } from "../timer.ts";
import { attachAgent, type UndiciOptions, undiciConnector } from "./agents.ts";
import type { TcpConnectArguments } from "./connect-arguments.ts";
import { StackDriver } from "./driver.ts";
import { type NameOptions, Names } from "./names.ts";
import { connectionOptions, type TcpSettings } from "./settings.ts";
import { type TcpListenArguments, TcpServer, type TcpServerOptions } from "./tcp-server.ts";
import { TcpSocket, type TcpSocketOptions } from "./tcp-socket.ts";
import { type UdpRemoteInfo, UdpSocketOfStack, type UdpSocketOptions } from "./udp-socket.ts";

/** TCP's parameters for all connections of a host. */
export interface HostTcpOptions extends TcpSettings {
  /** Puts the reason into resets (draft-ietf-tcpm-rst-diagnostic-payload); "off" by default, as the draft says. */
  readonly resetDiagnostics?: "binary" | "cbor" | "off";
}

/** The options of `createHost`. */
export interface HostOptions extends NameOptions {
  /** A TAP device, an end of a cable or hub in memory, or of a pipe. The host closes it. */
  readonly device: LinkDevice;
  /** With the lengths of their subnets: `10.77.0.2/24`, `fd77::2/64`. */
  readonly addresses: readonly string[];
  /** Default routers, at most one for each version. */
  readonly gateways?: readonly string[];
  /** The Ethernet address, such as `02:00:00:00:00:01`; a random one by default. */
  readonly mac?: string;
  /** Probes addresses before use (RFC 5227, RFC 4862); false by default. */
  readonly detectConflicts?: boolean;
  readonly ip?: IpOptions;
  readonly tcp?: HostTcpOptions;
  readonly clock?: HostClock;
  readonly rng?: Rng;
  /** Called when code of the application or of the stack throws; writes to standard error by default. */
  readonly onFault?: (fault: Fault) => void;
  /** An address became usable, or another station has it. */
  readonly onAddress?: (address: string, state: "owned" | "lost") => void;
}

/** The answer to `ping`. */
export interface PingReply {
  /** Milliseconds. */
  readonly time: number;
  readonly bytes: number;
  readonly hopLimit: number;
}

/** What `node:net` offers, on a host of our own. */
export interface HostNet {
  /** A server that is not yet listening. */
  createServer(
    options?: TcpServerOptions | ((socket: TcpSocket) => void),
    onConnection?: (socket: TcpSocket) => void,
  ): TcpServer;
  /** `(options, callback?)` or `(port, host?, callback?)`. */
  connect(...given: TcpConnectArguments): TcpSocket;
  /** The same as `connect`. */
  createConnection(...given: TcpConnectArguments): TcpSocket;
  /** For programs that write `new net.Socket().connect(…)`. */
  readonly Socket: new (
    options?: TcpSocketOptions,
  ) => TcpSocket;
  /** 4, 6, or 0 if the text is not an address. */
  isIP(text: string): number;
  /** True for an IPv4 address. */
  isIPv4(text: string): boolean;
  /** True for an IPv6 address. */
  isIPv6(text: string): boolean;
}

/** What `node:dgram` offers, on a host of our own. */
export interface HostDgram {
  /** A socket that is bound when it is first used, or by `bind`. */
  createSocket(
    type: "udp4" | "udp6" | UdpSocketOptions,
    onMessage?: (message: Buffer, remote: UdpRemoteInfo) => void,
  ): UdpSocketOfStack;
}

/** A server whose connections may come from elsewhere: of node:http, node:https, node:http2, node:tls or node:net. */
export interface ConnectionServer {
  /** Takes a connection. */
  emit(event: "connection", socket: never): boolean;
}

/** A host on a device: see `createHost`. */
export class NetHost implements Disposable {
  readonly net: HostNet;
  readonly dgram: HostDgram;
  /** The machine below: counters, interfaces, routes. */
  readonly stack: Stack;
  readonly #driver: StackDriver;
  #pings = 0;

  constructor(options: HostOptions) {
    const { device, addresses, gateways = [], rng = systemRng, clock = systemClock, onFault = reportFault } = options;
    const { detectConflicts = false, ip, tcp = {}, onAddress } = options;
    const { resetDiagnostics = "off", ...settings } = tcp;
    if (addresses.length === 0) throw new TypeError('a host needs an address: write addresses: ["10.77.0.2/24"]');
    const networkInterface = {
      device,
      mac: macOf(options.mac) ?? randomMac(rng),
      addresses: addresses.map(prefixOf),
      gateways: gateways.map(gatewayOf),
      detectConflicts,
    };
    this.#driver = new StackDriver(
      {
        interfaces: [networkInterface],
        rng,
        ...(ip === undefined ? {} : { ip }),
        tcp: { resetDiagnostics, connection: connectionOptions(settings) },
        ...(onAddress === undefined
          ? {}
          : { onAddress: (address, state) => onAddress(formatIpAddress(address), state) }),
      },
      clock,
      onFault,
      new Names(options),
    );
    this.stack = this.#driver.stack;
    this.net = netOf(this.#driver);
    this.dgram = dgramOf(this.#driver);
  }

  /**
   * Gives the connections of a port to a server of node:http, node:https, node:http2, node:tls or node:net. Takes the
   * arguments of `listen`, and returns what listens; closing it leaves the given server as it is.
   */
  serve(server: ConnectionServer, ...given: TcpListenArguments): TcpServer {
    const listener = server.emit.bind(server, "connection") as (socket: TcpSocket) => boolean;
    return this.net
      .createServer()
      .on("connection", listener)
      .listen(...given);
  }

  /**
   * Makes an agent of node:http or node:https open its connections on this host, and returns it. TLS stays the agent's,
   * with its sessions and options.
   */
  attach<A extends Agent>(agent: A): A {
    return attachAgent(agent, this.net.connect);
  }

  /** For undici's option `connect`: `new Agent({ connect: host.undiciConnect() })`. */
  undiciConnect(options: UndiciOptions = {}): ReturnType<typeof undiciConnector> {
    return undiciConnector(this.net.connect, options, this.#driver.onFault);
  }

  /** Sends an echo request. Resolves to undefined if nothing answers within `timeout` milliseconds. */
  ping(host: string, { bytes = 56, timeout = 1_000 } = {}): Promise<PingReply | undefined> {
    const remote = parseIpAddress(host);
    if (remote === undefined) throw new TypeError(`"${host}" is not an address`);
    this.#pings = (this.#pings + 1) & 0xffff;
    const start = this.#driver.clock.now();
    return new Promise((resolve) => {
      const stop = this.#driver.watchEcho(0x7367, this.#pings, (length, hopLimit) => {
        stop();
        timer.clear();
        const time = toMillis((this.#driver.clock.now() - start) as Micros);
        resolve({ time, bytes: length, hopLimit });
      });
      const timer = new Timer(
        guard("netstack ping", this.#driver.onFault, () => {
          stop();
          resolve(undefined);
        }),
        timeout,
        this.#driver.clock,
      );
      this.stack.ip.ping(remote, 0x7367, this.#pings, new Uint8Array(bytes), start);
      this.#driver.schedule();
    });
  }

  /** Ends without a word to the peers, and closes the device. Close servers and sockets before. */
  close(): void {
    this.#driver.close();
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** A host on a device, with addresses of its own. */
export const createHost = (options: HostOptions): NetHost => new NetHost(options);

function netOf(driver: StackDriver): HostNet {
  const connect = (...given: TcpConnectArguments): TcpSocket => {
    const [target] = given;
    const { allowHalfOpen = false } = typeof target === "object" ? target : {};
    return new TcpSocket(driver, { allowHalfOpen }).connect(...given);
  };
  return {
    createServer: (options = {}, onConnection) =>
      typeof options === "function" ? new TcpServer(driver, {}, options) : new TcpServer(driver, options, onConnection),
    connect,
    createConnection: connect,
    Socket: class Socket extends TcpSocket {
      constructor(options?: TcpSocketOptions) {
        super(driver, options);
      }
    },
    isIP: (text) => ipVersion(text) ?? 0,
    isIPv4: (text) => ipVersion(text) === 4,
    isIPv6: (text) => ipVersion(text) === 6,
  };
}

const dgramOf = (driver: StackDriver): HostDgram => ({
  createSocket: (type, listener) => {
    const socket = new UdpSocketOfStack(driver, (typeof type === "string" ? type : type.type) === "udp4" ? 4 : 6);
    return listener === undefined ? socket : socket.addListener("message", listener);
  },
});

function macOf(text: string | undefined): MacAddress | undefined {
  if (text === undefined) return undefined;
  const mac = parseMac(text);
  if (mac === undefined) throw new TypeError(`"${text}" is not an Ethernet address: write 02:00:00:00:00:01`);
  return mac;
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined || !text.includes("/")) {
    throw new TypeError(`"${text}" is not an address with a prefix: write 10.77.0.2/24`);
  }
  return prefix;
}

function gatewayOf(text: string): Uint8Array {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(`"${text}" is not the address of a gateway`);
  return address;
}
