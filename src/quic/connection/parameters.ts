/** The transport parameters that this side announces (RFC 9000 §18.2). */

import type { TransportParameters } from "../params/index.ts";
import type { ConnectionVersion } from "./connection-version.ts";
import type { ConnectionOptions } from "./options.ts";

/** RFC 9000 §18.2: the maximum that UDP carries; nothing here needs a smaller limit. */
const MAX_UDP_PAYLOAD = 65_527;

export function announcedParameters(
  options: ConnectionOptions,
  version: ConnectionVersion,
): Partial<TransportParameters> {
  const { config, role, sourceId } = options;
  const { limits } = config;
  const common: Partial<TransportParameters> = {
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
    // Until paths can change, peers are asked not to migrate (RFC 9000 §9).
    disableActiveMigration: true,
    activeConnectionIdLimit: limits.activeConnectionIdLimit,
    initialSourceConnectionId: sourceId.bytes,
    maxDatagramFrameSize: config.datagrams?.maxFrameSize ?? 0,
    versionInformation: version.information(config.rng),
    greaseQuicBit: config.greaseQuicBit,
    resetStreamAt: true,
    resetStreamAtDraft: true,
  };
  if (role === "client") return common;
  return {
    ...common,
    originalDestinationConnectionId: options.originalDestination.bytes,
    statelessResetToken: options.sourceResetToken,
    ...(options.retrySource === undefined ? {} : { retrySourceConnectionId: options.retrySource.bytes }),
  };
}
