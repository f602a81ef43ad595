/** The fuzzing targets. */

import type { Target } from "../session.ts";
import { bmff } from "./bmff.ts";
import { capsules } from "./capsules.ts";
import { catalogs } from "./catalogs.ts";
import { datagrams } from "./datagrams.ts";
import { dns } from "./dns.ts";
import { flowRelays } from "./flow-relays.ts";
import { flows } from "./flows.ts";
import { frames } from "./frames.ts";
import { h3, qpack } from "./h3.ts";
import { tls, transportParameters } from "./handshakes.ts";
import { longHeaders } from "./long-headers.ts";
import { moq } from "./moq.ts";
import { moqSession } from "./moq-session.ts";
import { netstack } from "./netstack.ts";
import { qmux } from "./qmux.ts";
import { uploads } from "./uploads.ts";
import { baseDraft, warp } from "./warp.ts";
import { webtransport } from "./webtransport.ts";

export const TARGETS: readonly Target[] = [
  frames,
  longHeaders,
  datagrams,
  transportParameters,
  tls,
  h3,
  qpack,
  webtransport,
  qmux,
  capsules,
  dns,
  uploads,
  netstack,
  bmff,
  moq,
  moqSession,
  catalogs,
  warp,
  baseDraft,
  flows,
  flowRelays,
];
