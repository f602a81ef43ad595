/** Creates the owners of a connection's state and connects them with each other. */

import type { Instant, Micros } from "../../base/time.ts";
import { Datagrams } from "../datagram/index.ts";
import { OneRttKeys } from "../keys/index.ts";
import { StreamSet } from "../streams/index.ts";
import type { CloseReason } from "../transport.ts";
import { Closing } from "./close.ts";
import { ConnectionFrames } from "./connection-frames.ts";
import { ConnectionVersion } from "./connection-version.ts";
import { EarlyData } from "./early-data.ts";
import { Establishment } from "./establishment.ts";
import { FrameRouter } from "./frame-router.ts";
import { Handshake } from "./handshake.ts";
import { HandshakeSpaces } from "./handshake-spaces.ts";
import { IdleTimer } from "./idle.ts";
import { Migration } from "./migration.ts";
import type { ConnectionEvent, ConnectionOptions } from "./options.ts";
import { maxPacketPayload } from "./packet-builder.ts";
import { PacketReceiver } from "./packet-receiver.ts";
import { PacketSender } from "./packet-sender.ts";
import { announceParameters } from "./parameters.ts";
import type { ConnectionParts } from "./parts.ts";
import { PathFactory } from "./path-factory.ts";
import { Repeats } from "./repeats.ts";
import type { ConnectionStats } from "./stats.ts";
import { ConnectionTimers } from "./timers.ts";
import { WorkBudget } from "./work-budget.ts";

/** What the owners of state need of the connection itself. */
export interface ConnectionHost {
  readonly stats: ConnectionStats;
  now(): Instant;
  emit(event: ConnectionEvent): void;
  abandon(reason: CloseReason): void;
  drain(reason: CloseReason): void;
}

export interface Assembly {
  readonly parts: ConnectionParts;
  readonly receiver: PacketReceiver;
  readonly sender: PacketSender;
  readonly establishment: Establishment;
  readonly pathFactory: PathFactory;
  readonly migration: Migration;
  readonly timers: ConnectionTimers;
}

export function assemble(options: ConnectionOptions, host: ConnectionHost): Assembly {
  const { role, config, now, trace } = options;
  const emit = (event: ConnectionEvent): void => host.emit(event);
  const abandon = (reason: CloseReason): void => host.abandon(reason);
  const spaces = new HandshakeSpaces(config);
  const version = new ConnectionVersion(options);
  const parametersFor = (client?: Uint8Array): Uint8Array => {
    if (client !== undefined) establishment.chooseVersion(client);
    const issuePreferred = () => paths.primary.localIds.issuePreferred();
    return announceParameters(
      options,
      version,
      issuePreferred,
      trace && ((parameters) => trace({ type: "quic:parameters-set", initiator: "local", parameters }, host.now())),
    );
  };
  const tls = options.createTls(parametersFor, { remote: options.remote, version: () => version.current });
  const establishment = new Establishment({
    options,
    now: () => host.now(),
    emit,
    abandon,
    applyPeerParameters: (parameters) => pathFactory.applyPeerParameters(paths, parameters),
  });
  const handshake = new Handshake(role, tls, spaces, () => establishment.expectedIds(), establishment);
  const pathFactory = new PathFactory(options, spaces, handshake);
  const paths = pathFactory.primary();
  const streams = new StreamSet({
    role,
    limits: config.limits,
    emit,
    trace: trace && ((event) => trace(event, host.now())),
    smoothedRtt: () => {
      const { rtt } = paths.primary.routes.active;
      return rtt.hasSample ? rtt.smoothed : (0 as Micros);
    },
  });
  const datagrams = new Datagrams(
    {
      places: streams.scheduler,
      now: () => host.now(),
      maxFrame: () => maxPacketPayload(paths.primary),
      onReadable: () => emit({ type: "datagram-readable" }),
      onWake: () => options.onWake(),
      trace: trace && ((event) => trace(event, host.now())),
    },
    config.datagrams,
  );
  const oneRtt = new OneRttKeys(
    config.engine,
    {
      isHandshakeConfirmed: () => handshake.isConfirmed,
      probeTimeout: () => timers.probeTimeout,
      onUpdated: (generation, cause) => establishment.onKeysUpdated(generation, cause),
    },
    config,
  );
  const parts: ConnectionParts = {
    role,
    version,
    config,
    paths,
    spaces,
    early: new EarlyData(role),
    oneRtt,
    streams,
    datagrams,
    handshake,
    closing: new Closing(),
    idle: new IdleTimer(config.maxIdleTimeout, now),
    stats: host.stats,
    work: new WorkBudget(now),
    trace: options.trace,
    sourceId: options.sourceId,
  };
  const migration = new Migration(parts, pathFactory, emit, options.mayMove);
  const frames = new ConnectionFrames();
  const repeats = new Repeats(parts, frames);
  const router = new FrameRouter(parts, frames, repeats, {
    peerAckDelayExponent: () => establishment.peerParameters?.ackDelayExponent,
    confirmHandshake: () => establishment.confirmHandshake(),
    drain: (reason) => host.drain(reason),
    handlePathResponse: (data, at) => migration.handlePathResponse(data, at),
    // RFC 9369 §5: a token belongs to the negotiated version.
    onToken: (token) => emit({ type: "new-token", token, version: version.current }),
  });
  const timers = new ConnectionTimers(parts, router, migration, now, {
    abandon,
    onSilence: (probeTimeouts) => emit({ type: "silence", probeTimeouts }),
  });
  const receiver = new PacketReceiver(parts, establishment, router, migration, options.inbound);
  const sender = new PacketSender(parts, frames, repeats, establishment, options.outbound);
  if (options.token !== undefined) sender.setToken(options.token);
  establishment.attach({ parts, receiver, sender, router, frames });
  establishment.installInitialKeys();
  return { parts, receiver, sender, establishment, pathFactory, migration, timers };
}
