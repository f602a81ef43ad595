/** All peers, in the order of the matrix. */

import type { PeerEntry } from "../peer.ts";
import { aioquic } from "./aioquic.ts";
import { bun } from "./bun.ts";
import { caddy, newCaddy } from "./caddy.ts";
import { chromium, chromiumWithoutUdp } from "./chromium.ts";
import { curl } from "./curl.ts";
import { haproxy } from "./haproxy.ts";
import { moqQmux } from "./moq-qmux.ts";
import { nagare } from "./nagare.ts";
import { nginx } from "./nginx.ts";
import { newNgtcp2, ngtcp2 } from "./ngtcp2.ts";
import { noq } from "./noq.ts";
import { quicGo } from "./quic-go.ts";
import { quiche } from "./quiche.ts";
import { quinn } from "./quinn.ts";
import { s2nQuic } from "./s2n-quic.ts";
import { tshark } from "./tshark.ts";
import { webTransportGo } from "./webtransport-go.ts";
import { wtransport } from "./wtransport.ts";

export const PEERS: readonly PeerEntry[] = [
  nagare,
  chromium,
  chromiumWithoutUdp,
  curl,
  ngtcp2,
  newNgtcp2,
  caddy,
  newCaddy,
  quicGo,
  webTransportGo,
  wtransport,
  moqQmux,
  quinn,
  s2nQuic,
  noq,
  quiche,
  aioquic,
  bun,
  nginx,
  haproxy,
  tshark,
];
