/**
 * A host of our own on a device: sockets shaped like `node:net` and `node:dgram` on our TCP and UDP, so that node:http,
 * node:tls and node:http2 run on it.
 */

import type { Rng } from "../../base/rng.ts";
import { type Micros, toMillis } from "../../base/time.ts";
import type { IpOptions } from "../../ip/index.ts";
import { parsePrefix } from "../../ip/index.ts";
import type { LinkDevice } from "../../link/index.ts";
import { type MacAddress, randomMac } from "../../link/index.ts";
import type { Stack } from "../../netstack/index.ts";
import type { TcpConnectionOptions, TcpEndpointOptions } from "../../tcp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { systemRng } from "../random.ts";
import { Timer } from "../timer.ts";
import { StackDriver } from "./driver.ts";
import { SocketError } from "./socket-error.ts";
import { TcpServer, type TcpServerOptions } from "./tcp-server.ts";
import { TcpSocket } from "./tcp-socket.ts";
import { UdpSocketOfStack } from "./udp-socket.ts";

export interface HostOptions {
  readonly device: LinkDevice;
  /** With the lengths of their subnets: `10.77.0.2/24`, `fd77::2/64`. */
  readonly addresses: readonly string[];
  /** Default routers. */
  readonly gateways?: readonly string[];
  /** A random one by default. */
  readonly mac?: MacAddress;
  /** Probes addresses before use (RFC 5227, RFC 4862); false by default. */
  readonly detectConflicts?: boolean;
  readonly ip?: IpOptions;
  readonly tcp?: TcpEndpointOptions;
  readonly clock?: HostClock;
  readonly rng?: Rng;
  readonly onFault?: (fault: Fault) => void;
  /** An address became usable, or another station has it. */
  readonly onAddress?: (address: string, state: "owned" | "lost") => void;
}

export interface ConnectOptions extends Partial<TcpConnectionOptions> {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly allowHalfOpen?: boolean;
}

export interface PingReply {
  /** Milliseconds. */
  readonly time: number;
  readonly bytes: number;
  readonly hopLimit: number;
}

export class NetHost implements Disposable {
  readonly stack: Stack;
  readonly #driver: StackDriver;
  #pings = 0;

  constructor(options: HostOptions) {
    const { device, addresses, gateways = [], rng = systemRng, clock = systemClock, onFault = reportFault } = options;
    const { mac = randomMac(rng), detectConflicts = false, ip, tcp, onAddress } = options;
    const prefixes = addresses.map((text) => {
      const prefix = parsePrefix(text);
      if (prefix === undefined) throw new TypeError(`"${text}" is not an address with a prefix: write 10.77.0.2/24`);
      return prefix;
    });
    const routers = gateways.map((text) => {
      const address = parseIpAddress(text);
      if (address === undefined) throw new TypeError(`"${text}" is not the address of a gateway`);
      return address;
    });
    this.#driver = new StackDriver(
      {
        interfaces: [{ device, mac, addresses: prefixes, gateways: routers, detectConflicts }],
        rng,
        ...(ip === undefined ? {} : { ip }),
        ...(tcp === undefined ? {} : { tcp }),
        ...(onAddress === undefined
          ? {}
          : { onAddress: (address, state) => onAddress(formatIpAddress(address), state) }),
      },
      clock,
      onFault,
    );
    this.stack = this.#driver.stack;
  }

  /** What `node:net` offers. */
  readonly net = {
    createServer: (
      options: TcpServerOptions | ((socket: TcpSocket) => void) = {},
      onConnection?: (socket: TcpSocket) => void,
    ): TcpServer =>
      typeof options === "function"
        ? new TcpServer(this.#driver, {}, options)
        : new TcpServer(this.#driver, options, onConnection),
    connect: (options: ConnectOptions, onConnect?: () => void): TcpSocket => this.#connect(options, onConnect),
  };

  /** What `node:dgram` offers. */
  readonly dgram = {
    createSocket: (type: "udp4" | "udp6" | { readonly type: "udp4" | "udp6" }): UdpSocketOfStack =>
      new UdpSocketOfStack(this.#driver, (typeof type === "string" ? type : type.type) === "udp4" ? 4 : 6),
  };

  #connect(options: ConnectOptions, callback: (() => void) | undefined): TcpSocket {
    const { host, port, localAddress, localPort, allowHalfOpen = false, ...connectionOptions } = options;
    const remote = parseIpAddress(host);
    const address = localAddress === undefined ? undefined : parseIpAddress(localAddress);
    const now = this.#driver.clock.now();
    const result =
      remote === undefined
        ? "EINVAL"
        : this.stack.tcp.connect(remote, port, now, { address, port: localPort }, connectionOptions);
    if (typeof result === "string") {
      throw new SocketError("connect", result, remote === undefined ? undefined : { address: remote, port });
    }
    const socket = new TcpSocket(this.#driver, result, { isServer: false, allowHalfOpen });
    if (callback !== undefined) socket.once("connect", callback);
    this.#driver.touch(result);
    return socket;
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

  /** Ends without a word to the peers, and closes the device. */
  close(): void {
    this.#driver.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export const createHost = (options: HostOptions): NetHost => new NetHost(options);
