// The table of systems (src/cli/tour/systems.ts) in README, README.ja and the demo page. `npm run tables` writes it
// between its markers; a test checks that it is up to date.
import { SYSTEMS, type System } from "../src/cli/tour/systems.ts";

/** The missing parts of built systems. */
const MISSING: Readonly<Record<string, { readonly en: string; readonly ja: string }>> = {
  quic: {
    en: "server push",
    ja: "サーバープッシュ",
  },
  "loss-recovery": { en: "L4S", ja: "L4S" },
  migration: { en: "two paths at once", ja: "2 つの経路の同時使用" },
  "zero-rtt": { en: "a register for several machines", ja: "複数のマシンで共有する再送防止レジスター" },
  qlog: { en: "events of QPACK", ja: "QPACK のイベント" },
  workers: { en: "several machines", ja: "複数のマシン" },
  "partial-post-replay": {
    en: "large uploads when an origin has little time to end; replays after a crash",
    ja: "オリジンの終了猶予が短い場合の大きなアップロード、クラッシュ後の再送",
  },
  memcached: { en: "`mcp.internal`, the binary protocol", ja: "`mcp.internal`、バイナリプロトコル" },
  "resumable-upload": { en: "a minimum speed of clients", ja: "クライアントの最低速度" },
  media: {
    en: "moq-lite in the relay, raw QUIC",
    ja: "リレーでの moq-lite、生の QUIC",
  },
  sunset: {
    en: "sending Prefer by default, WebDAV's preferences",
    ja: "既定での Prefer の送信、WebDAV のプリファレンス",
  },
  geo: {
    en: "the ACCEPT_CH frame, finding feeds through registries",
    ja: "ACCEPT_CH フレーム、レジストリ経由のフィード検索",
  },
  keylog: { en: "the labels for Encrypted Client Hello", ja: "Encrypted Client Hello 用のラベル" },
  "alternative-services": { en: "Plan B's frame and configuration", ja: "Plan B のフレームと設定" },
  "https-records": {
    en: "DNSSEC, Encrypted ClientHello",
    ja: "DNSSEC、Encrypted ClientHello",
  },
  ebpf: { en: "maps of maps, kernel functions, timers", ja: "マップのマップ、カーネル関数、タイマー" },
  "happy-eyeballs": {
    en: "Encrypted ClientHello, PREF64 in router advertisements",
    ja: "Encrypted ClientHello、ルーター広告の PREF64",
  },
};

export interface Table {
  readonly file: string;
  render(): string;
}

export const TABLES: readonly Table[] = [
  { file: "README.md", render: () => markdown("en") },
  { file: "README.ja.md", render: () => markdown("ja") },
  { file: "examples/site/index.html", render: html },
];

const START = "<!-- systems -->";
const END = "<!-- /systems -->";

/** Replaces the table between the markers. */
export function withTable(text: string, table: string): string {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the markers ${START} and ${END} are missing`);
  const indent = text.slice(text.lastIndexOf("\n", start) + 1, start);
  return `${text.slice(0, start)}${START}\n${table}\n${indent}${text.slice(end)}`;
}

const WORDS = {
  en: {
    system: "System",
    specs: "Specifications",
    against: "Peers",
    state: "State",
    missing: "missing",
    built: "**built**",
    planned: "not built",
  },
  ja: {
    system: "システム",
    specs: "仕様",
    against: "実証の相手",
    state: "状態",
    missing: "未実装",
    built: "**実装済み**",
    planned: "未着手",
  },
} as const;

function markdown(language: "en" | "ja"): string {
  const words = WORDS[language];
  const rows = SYSTEMS.map(({ name, title, specs, shownAgainst, status, page = name }) => {
    const missing = MISSING[name];
    const built = missing === undefined ? words.built : `${words.built}; ${words.missing}: ${missing[language]}`;
    const label = status === "built" ? `[${title}](docs/proposals/${page}.md)` : title;
    return `| ${label} | ${specs.join(", ")} | ${shownAgainst.join(", ")} | ${status === "built" ? built : words.planned} |`;
  });
  return [
    `| ${words.system} | ${words.specs} | ${words.against} | ${words.state} |`,
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function html(): string {
  const lines = [
    '<table aria-labelledby="systems-title">',
    "  <thead>",
    '    <tr><th scope="col">System</th><th scope="col">Peers</th><th scope="col">State</th></tr>',
    "  </thead>",
    "  <tbody>",
    ...SYSTEMS.flatMap(htmlRow),
    "  </tbody>",
    "</table>",
  ];
  return lines.map((line) => `        ${line}`).join("\n");
}

function htmlRow({ name, title, specs, shownAgainst, status }: System): string[] {
  const state = status === "built" ? '<span class="built">built</span>' : "not built";
  return [
    `    <tr data-system="${name}" data-status="${status}">`,
    `      <th scope="row">${title} <small>${specs.join(", ").replaceAll("RFC ", "RFC&nbsp;")}</small></th>`,
    `      <td>${shownAgainst.join(", ")}</td>`,
    `      <td>${state}</td>`,
    "    </tr>",
  ];
}
