/** Traffic that reaches entries from Node, by the part of the house that they belong to. */

import { ACME_TRAFFIC } from "./acme-world.ts";
import { CONNECT_UDP_TRAFFIC } from "./connect-udp-world.ts";
import { CONNECT_TRAFFIC } from "./connect-world.ts";
import { DNS_TRAFFIC } from "./dns-world.ts";
import { HTTP2_TRAFFIC } from "./http2-world.ts";
import { LIVE_TRAFFIC } from "./live-world.ts";
import { MEMCACHE_TRAFFIC } from "./memcache-world.ts";
import { NETSTACK_TRAFFIC } from "./netstack-world.ts";
import { OPERATIONS_TRAFFIC } from "./operations-world.ts";
import { REPLAY_TRAFFIC } from "./replay-world.ts";
import { SITES_TRAFFIC } from "./sites-world.ts";
import { UPLOAD_TRAFFIC } from "./upload-world.ts";
import { WEBTRANSPORT_TRAFFIC } from "./webtransport-world.ts";

export const TRAFFIC = {
  ...ACME_TRAFFIC,
  ...CONNECT_UDP_TRAFFIC,
  ...CONNECT_TRAFFIC,
  ...DNS_TRAFFIC,
  ...HTTP2_TRAFFIC,
  ...LIVE_TRAFFIC,
  ...MEMCACHE_TRAFFIC,
  ...NETSTACK_TRAFFIC,
  ...REPLAY_TRAFFIC,
  ...SITES_TRAFFIC,
  ...OPERATIONS_TRAFFIC,
  ...UPLOAD_TRAFFIC,
  ...WEBTRANSPORT_TRAFFIC,
};
