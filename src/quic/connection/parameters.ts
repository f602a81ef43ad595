/** The transport parameters that this side announces (RFC 9000 §18.2). */

import type { SocketAddress } from "../../base/datagrams.ts";
import { type Micros, micros } from "../../base/time.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { concat } from "../../wire/text.ts";
import { emitTransportParameters, type PreferredAddress, type TransportParameters } from "../params/index.ts";
import type { IssuedConnectionId } from "../path/index.ts";
import type { ConnectionConfig } from "./config.ts";
import type { ConnectionVersion } from "./connection-version.ts";
import type { ConnectionOptions, PreferredAddresses } from "./options.ts";

/** RFC 9000 §18.2: the maximum that UDP carries; nothing here needs a smaller limit. */
const MAX_UDP_PAYLOAD = 65_527;

/** What our timer can do (draft-ietf-quic-ack-frequency §3). */
export const minAckDelay = ({ timerGrain, maxAckDelay }: ConnectionConfig): Micros =>
  micros(Math.min(timerGrain, maxAckDelay));

type Parameters = Partial<TransportParameters>;

interface Announced {
  readonly parameters: Parameters;
  readonly bytes: Uint8Array;
}

/** What all connections of an endpoint announce, which is nearly everything: written once. */
const commonByConfig = new WeakMap<ConnectionConfig, Announced>();

function commonOf(config: ConnectionConfig): Announced {
  let common = commonByConfig.get(config);
  if (common === undefined) {
    const parameters = commonParameters(config);
    commonByConfig.set(config, (common = { parameters, bytes: emitTransportParameters(parameters) }));
  }
  return common;
}

/** The bytes to send. `issuePreferred` issues the connection id of a preferred address; `inform` is for the trace. */
export function announceParameters(
  options: ConnectionOptions,
  version: ConnectionVersion,
  issuePreferred: () => IssuedConnectionId,
  inform: ((parameters: Parameters) => void) | undefined,
): Uint8Array {
  const common = commonOf(options.config);
  const own = ownParameters(options, version, issuePreferred);
  inform?.({ ...common.parameters, ...own });
  return concat(common.bytes, emitTransportParameters(own, { grease: options.config.rng }));
}

function commonParameters(config: ConnectionConfig): Parameters {
  const { limits } = config;
  return {
    maxIdleTimeout: config.maxIdleTimeout,
    maxUdpPayloadSize: MAX_UDP_PAYLOAD,
    initialMaxData: limits.initialMaxData,
    initialMaxStreamDataBidiLocal: limits.initialMaxStreamData,
    initialMaxStreamDataBidiRemote: limits.initialMaxStreamData,
    initialMaxStreamDataUni: limits.initialMaxStreamData,
    initialMaxStreamsBidi: limits.initialMaxStreamsBidi,
    initialMaxStreamsUni: limits.initialMaxStreamsUni,
    ackDelayExponent: config.ackDelayExponent,
    maxAckDelay: config.maxAckDelay,
    disableActiveMigration: config.disableActiveMigration,
    activeConnectionIdLimit: limits.activeConnectionIdLimit,
    ...(config.ackFrequency ? { minAckDelay: minAckDelay(config) } : {}),
    maxDatagramFrameSize: config.datagrams?.maxFrameSize ?? 0,
    greaseQuicBit: config.greaseQuicBit,
    resetStreamAt: true,
    resetStreamAtDraft: true,
  };
}

function ownParameters(
  options: ConnectionOptions,
  version: ConnectionVersion,
  issuePreferred: () => IssuedConnectionId,
): Parameters {
  const initialSourceConnectionId = options.sourceId.bytes;
  const versionInformation = version.information(options.config.rng);
  if (options.role === "client") return { initialSourceConnectionId, versionInformation };
  return {
    initialSourceConnectionId,
    versionInformation,
    originalDestinationConnectionId: options.originalDestination.bytes,
    statelessResetToken: options.sourceResetToken,
    preferredAddress: options.preferredAddress && preferredAddress(options.preferredAddress, issuePreferred()),
    retrySourceConnectionId: options.retrySource?.bytes,
  };
}

function preferredAddress(
  { ipv4, ipv6 }: PreferredAddresses,
  { id, resetToken }: IssuedConnectionId,
): PreferredAddress {
  return {
    ipv4: bytesOf(ipv4, 4),
    ipv4Port: ipv4?.port ?? 0,
    ipv6: bytesOf(ipv6, 16),
    ipv6Port: ipv6?.port ?? 0,
    connectionId: id.bytes,
    statelessResetToken: resetToken,
  };
}

function bytesOf(address: SocketAddress | undefined, length: number): Uint8Array {
  const bytes = address === undefined ? new Uint8Array(length) : parseIpAddress(address.host);
  if (bytes?.length !== length) throw new RangeError(`${address?.host} is not an address of ${length} bytes`);
  return bytes;
}

/** The addresses of the parameter; a family that the server does not offer is all zeros (RFC 9000 §18.2). */
export function preferredAddresses({ ipv4, ipv4Port, ipv6, ipv6Port }: PreferredAddress): readonly SocketAddress[] {
  const found: SocketAddress[] = [];
  if (ipv4Port !== 0 && ipv4.some(Boolean)) found.push({ family: 4, host: formatIpAddress(ipv4), port: ipv4Port });
  if (ipv6Port !== 0 && ipv6.some(Boolean)) found.push({ family: 6, host: formatIpAddress(ipv6), port: ipv6Port });
  return found;
}
