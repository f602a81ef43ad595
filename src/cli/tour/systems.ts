// The table of systems: what each one is, where its code is, and which peers it is tested against. The tour runs the systems;
// README and the demo page print the table. This file has no imports, so that a build step can read it.

export interface System {
  /** A short and stable name, for `nagare tour --only`. */
  readonly name: string;
  readonly title: string;
  /** RFCs, drafts and papers. */
  readonly specs: readonly string[];
  /** Folders under src/. */
  readonly folders: readonly string[];
  readonly shownAgainst: readonly string[];
  readonly status: "built" | "not built";
  /** The page in docs/proposals, if it does not have the system's name. */
  readonly page?: string;
}

export const SYSTEMS: readonly System[] = [
  {
    name: "quic",
    title: "QUIC v1 and HTTP/3",
    specs: ["RFC 9000", "RFC 9001", "RFC 9002", "RFC 9114", "RFC 9204"],
    folders: ["quic", "congestion", "tls", "qpack", "h3"],
    shownAgainst: ["own client", "curl", "gtlsclient", "Chromium", "Caddy", "gtlsserver", "node:https"],
    status: "built",
  },
  {
    name: "keylog",
    title: "SSLKEYLOGFILE",
    specs: ["RFC 9850"],
    folders: ["tls", "host"],
    shownAgainst: ["tshark"],
    status: "built",
  },
  {
    name: "qlog",
    title: "qlog",
    specs: ["draft-ietf-quic-qlog-main-schema", "-quic-events", "-h3-events"],
    folders: ["host/qlog"],
    shownAgainst: ["tshark"],
    status: "built",
  },
  {
    name: "loss-recovery",
    title: "Loss recovery, CUBIC, BBR",
    specs: ["RFC 9002", "RFC 9438", "RFC 9406", "draft-ietf-ccwg-bbr"],
    folders: ["quic/recovery", "congestion"],
    shownAgainst: ["own client", "gtlsclient"],
    status: "built",
  },
  {
    name: "migration",
    title: "Connection migration",
    specs: ["RFC 9000 §9"],
    folders: ["quic/connection", "quic/route"],
    shownAgainst: ["own client", "gtlsclient"],
    status: "built",
  },
  {
    name: "workers",
    title: "Workers and reload",
    specs: ["RFC 9000 §5.1", "draft-ietf-quic-load-balancers"],
    folders: ["host/workers", "quic/packet"],
    shownAgainst: ["own client"],
    status: "built",
  },
  {
    name: "edge",
    title: "Sites, reverse proxy, certificates by themselves",
    specs: ["RFC 9110", "RFC 8555", "RFC 9220"],
    folders: ["edge/sites", "edge/proxy", "host/acme"],
    shownAgainst: ["curl", "nginx", "Pebble"],
    status: "built",
  },
  {
    name: "zero-rtt",
    title: "Resumption and 0-RTT",
    specs: ["RFC 8446", "RFC 8470", "RFC 9001"],
    folders: ["tls", "quic/connection"],
    shownAgainst: ["own client", "gtlsclient"],
    status: "built",
  },
  {
    name: "quic-v2",
    title: "QUIC v2 and version negotiation",
    specs: ["RFC 9368", "RFC 9369"],
    folders: ["quic"],
    shownAgainst: ["own client", "gtlsclient"],
    page: "version-2",
    status: "built",
  },
  {
    name: "memcached",
    title: "memcached proxy",
    specs: ["memcached's protocol"],
    folders: ["memcache", "host/memcache", "edge/memcache"],
    shownAgainst: ["memcached", "libmemcached"],
    status: "built",
  },
  {
    name: "connect-udp",
    title: "HTTP Datagrams, capsules, CONNECT-UDP",
    specs: ["RFC 9221", "RFC 9297", "RFC 9298"],
    folders: ["http/capsules", "http/connect-udp", "edge/connect-udp", "client/connect-udp"],
    shownAgainst: ["kdig", "Knot", "curl", "quic-go", "aioquic"],
    status: "built",
  },
  {
    name: "webtransport",
    title: "WebTransport",
    specs: ["draft-ietf-webtrans-http3", "draft-ietf-quic-qmux", "RFC 9297", "W3C WebTransport"],
    folders: ["webtransport", "host/webtransport", "client/webtransport"],
    shownAgainst: ["own client", "Chromium"],
    status: "built",
  },
  planned(
    "multipath",
    "Multipath QUIC and XLINK",
    ["draft-ietf-quic-multipath", "XLINK (SIGCOMM 2021)"],
    ["quic/path"],
    ["picoquic"],
  ),
  planned(
    "multicast",
    "Multicast QUIC",
    ["draft-jholland-quic-multicast"],
    ["quic/multicast"],
    ["SSM between namespaces"],
  ),
  {
    name: "priorities",
    title: "Extensible priorities",
    specs: ["RFC 9218"],
    folders: ["http/priority", "h3", "host/http", "lab/priorities"],
    shownAgainst: ["own client", "Chromium"],
    status: "built",
  },
  {
    name: "resumable-upload",
    title: "Resumable uploads",
    specs: ["draft-ietf-httpbis-resumable-upload", "tus 1.0"],
    folders: ["http/resumable-upload", "edge/upload", "host/uploads", "client/upload"],
    shownAgainst: ["curl", "tus-js-client", "tusd"],
    status: "built",
  },
  {
    name: "partial-post-replay",
    title: "Partial POST Replay",
    specs: ["draft-frindell-httpbis-partial-post-replay"],
    folders: ["http/replay", "edge/replay", "edge/proxy"],
    shownAgainst: ["curl", "rolling restarts"],
    status: "built",
  },
  {
    name: "alternative-services",
    title: "Alternative services, ORIGIN, preconnect",
    specs: ["RFC 7838", "RFC 9412", "draft-thomson-httpbis-alt-svcb"],
    folders: ["http", "agent", "client"],
    shownAgainst: ["curl"],
    status: "built",
  },
  {
    name: "https-records",
    title: "HTTPS and SVCB records, preconnectHint",
    specs: ["RFC 9460", "draft-pardue-httpbis-preconnect-hint-svc-param"],
    folders: ["dns", "host/dns", "edge/dns"],
    shownAgainst: ["Knot", "BIND", "kdig", "unbound", "Chromium"],
    status: "built",
  },
  {
    name: "happy-eyeballs",
    title: "Happy Eyeballs v2 and v3",
    specs: ["RFC 8305", "draft-ietf-happy-happyeyeballs-v3"],
    folders: ["agent/happy-eyeballs"],
    shownAgainst: ["Knot"],
    status: "built",
  },
  {
    name: "sunset",
    title: "Sunset, Deprecation, Prefer: safe",
    specs: ["RFC 8594", "RFC 9745", "RFC 7240", "RFC 8674"],
    folders: ["http/notices", "http/preferences", "handler", "edge"],
    shownAgainst: ["curl"],
    status: "built",
  },
  {
    name: "geo",
    title: "Sec-CH-IP-Geo and geofeeds",
    specs: ["RFC 8805", "RFC 8942", "draft-pauly-httpbis-geoip-hint"],
    folders: ["http/geofeed", "http/hints", "edge/geo"],
    shownAgainst: ["curl"],
    status: "built",
  },
  {
    name: "cookies",
    title: "Cookies: SameSite=Lax by default, CHIPS",
    specs: ["draft-ietf-httpbis-rfc6265bis", "draft-cutler-httpbis-partitioned-cookies"],
    folders: ["agent/cookies", "host/cookies", "cookies"],
    shownAgainst: ["Chromium"],
    status: "built",
  },
  {
    name: "isolation",
    title: "COOP, COEP, CORP",
    specs: ["HTML Standard", "Fetch Standard", "WICG document-isolation-policy", "WICG connection-allowlists"],
    folders: ["agent/isolation", "isolation"],
    shownAgainst: ["Chromium"],
    status: "built",
  },
  {
    name: "media",
    title: "Live media: MoQ Transport, Warp",
    specs: ["draft-ietf-moq-transport", "draft-lcurley-warp"],
    folders: ["media", "host/live", "edge/live"],
    shownAgainst: ["ffmpeg"],
    status: "built",
  },
  planned("flows", "Just-in-time flows: DFMP, DFCP", ["DFMP and DFCP papers"], ["flows"], ["the paper's loss table"]),
  {
    name: "arp",
    title: "ARP",
    specs: ["RFC 826", "RFC 5227"],
    folders: ["link"],
    shownAgainst: ["the Linux kernel over TAP"],
    page: "netstack",
    status: "built",
  },
  {
    name: "tcp",
    title: "TCP",
    specs: ["RFC 9293", "RFC 8985", "RFC 7323"],
    folders: ["tcp", "ip", "udp", "netstack"],
    shownAgainst: ["the Linux kernel over TAP", "curl"],
    page: "netstack",
    status: "built",
  },
  {
    name: "rst-diagnostics",
    title: "TCP RST diagnostics",
    specs: ["draft-ietf-tcpm-rst-diagnostic-payload"],
    folders: ["tcp/diagnostics"],
    shownAgainst: ["the Linux kernel over TAP", "own client"],
    page: "netstack",
    status: "built",
  },
  planned(
    "mcphint",
    "MCPHINT and receive steering",
    ["draft-robinson-intarea-mcphint"],
    ["ip"],
    ["fragments and ESP over workers"],
  ),
  {
    name: "ebpf",
    title: "eBPF",
    specs: ["RFC 9669"],
    folders: ["bpf", "host/bpf"],
    shownAgainst: ["clang", "the Linux kernel"],
    status: "built",
  },
];

function planned(
  name: string,
  title: string,
  specs: readonly string[],
  folders: readonly string[],
  shownAgainst: readonly string[],
): System {
  return { name, title, specs, folders, shownAgainst, status: "not built" };
}
