// Runs a local UDP port through a proxy until it is stopped.

import { udpTargetOf, udpTemplateOf } from "../../client/connect-udp/open.ts";
import { ClientError, type ClientOptions, createClient } from "../../client/index.ts";
import { hostAndPort } from "../../wire/ip-address.ts";
import { printable } from "../../wire/printable.ts";
import { describe, usageError } from "../fail.ts";
import { readPem } from "../get/flags.ts";
import { untilStopped } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { headersFrom, protocolChoice } from "../proxy-flags.ts";

export interface TunnelFlags {
  readonly via: string;
  readonly listen: string;
  readonly header?: readonly string[];
  readonly "http1.1"?: true;
  readonly http2?: true;
  readonly http3Only?: true;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly json?: true;
}

export async function runTunnel(target: string, flags: TunnelFlags, io: Io): Promise<void> {
  const { json } = flags;
  const emit = (event: Record<string, unknown>): void => void io.stdout.write(`${JSON.stringify(event)}\n`);
  const onError = (error: Error): void => {
    const { code, message } = describe(error);
    if (json) emit({ event: "error", code, message });
    else io.stderr.write(`${printable(`nagare: ${message}`)}\n`);
  };
  checkTunnel(target, flags.via);
  const place = parseListen(flags.listen);
  const headers = headersFrom(flags.header ?? [], "-H");
  const client = createClient(await clientOptions(flags));
  const stopped = untilStopped(io);
  try {
    const opening = client.forwardUdp(target, { via: flags.via, headers, ...place, onError });
    const forwarder = await Promise.race([opening, stopped.promise]);
    if (forwarder === undefined) return;
    const { address, port } = forwarder.address;
    const local = hostAndPort(address, port);
    if (json) emit({ event: "listening", address, port, target, via: flags.via, protocol: forwarder.protocol });
    else {
      io.stderr.write(`nagare: to ${target} through ${flags.via} over ${forwarder.protocol}\n`);
      io.stdout.write(`${local}\n`);
    }
    await stopped.promise;
    await forwarder.close();
    if (json) emit({ event: "closed" });
  } finally {
    stopped.clear();
    await client.destroy();
    io.exitSoon?.();
  }
}

async function clientOptions(flags: TunnelFlags): Promise<ClientOptions> {
  return {
    protocols: protocolChoice(flags["http1.1"], flags.http2, flags.http3Only),
    rejectUnauthorized: flags.insecure !== true,
    ...(flags.cacert === undefined ? {} : { ca: await readPem(flags.cacert) }),
  };
}

/** Throws a usage error if the target or the template of the proxy is invalid. */
function checkTunnel(target: string, via: string): void {
  try {
    udpTargetOf(target);
    udpTemplateOf(via);
  } catch (error) {
    throw error instanceof ClientError ? usageError(error.message, error.hint) : error;
  }
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([0-9.]+)):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw usageError(`--listen ${text} is not an address with a port`, "give one such as 127.0.0.1:5353 or [::1]:0");
  }
  return { host: match[1] ?? match[2] ?? "127.0.0.1", port };
}
