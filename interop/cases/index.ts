/** All cases, in the order of the matrix. */

import type { Case } from "../case.ts";
import { CERTIFICATE_CASES } from "./certificates.ts";
import { chacha20 } from "./chacha20.ts";
import { ecn } from "./ecn.ts";
import { handshake } from "./handshake.ts";
import { hq } from "./hq.ts";
import { http2, http11 } from "./http-over-tcp.ts";
import { hybrid } from "./hybrid.ts";
import { IMPAIRED_CASES } from "./impaired.ts";
import { ipv6 } from "./ipv6.ts";
import { keyUpdate } from "./key-update.ts";
import { keylog } from "./keylog.ts";
import { migration, rebinding } from "./migration.ts";
import { multiplexing } from "./multiplexing.ts";
import { page } from "./page.ts";
import { resumption, zeroRtt } from "./resumption.ts";
import { retry } from "./retry.ts";
import { rollback } from "./rollback.ts";
import { transfer } from "./transfer.ts";
import { upgrade, version2 } from "./version-2.ts";
import { webTransport } from "./webtransport.ts";

export const CASES: readonly Case[] = [
  handshake,
  retry,
  transfer,
  multiplexing,
  chacha20,
  keyUpdate,
  version2,
  upgrade,
  migration,
  rebinding,
  resumption,
  zeroRtt,
  hybrid,
  ipv6,
  ecn,
  hq,
  ...IMPAIRED_CASES,
  page,
  http2,
  http11,
  rollback,
  webTransport,
  keylog,
  ...CERTIFICATE_CASES,
];

/** A browser and ngtcp2 in under a minute: the check for a clean checkout. */
export const SMOKE = {
  peers: ["chromium", "ngtcp2"],
  cases: ["handshake", "retry", "transfer", "multiplexing", "key-update", "page", "h2", "http/1.1"],
} as const;
