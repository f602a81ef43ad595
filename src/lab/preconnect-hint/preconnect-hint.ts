/** What it saves to know a page's further hosts before the page (draft-pardue-httpbis-preconnect-hint-svc-param). */

import { hintedOrigins, type ServiceInfo } from "../../agent/index.ts";
import { type Instant, millis } from "../../base/time.ts";
import { VERSION_1 } from "../../quic/index.ts";
import type { ClaimSpec, Experiment, Row } from "../experiment.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import type { Visit } from "../first-byte/browser.ts";
import { browse, DNS_RTT, millisAt } from "../first-byte/network.ts";
import { figureOf, rowsOf } from "../rows.ts";

const PAGE = "www.example";
const IMAGES = "img.example";
const OTHER = "ads.example";

/** Of the record: 65400 is preconnectHint, uncompressed names. */
const HINTS = {
  none: "",
  right: String.raw` key65400="\003img\007example\000"`,
  wrong: String.raw` key65400="\003ads\007example\000"`,
} as const;
type HintName = keyof typeof HINTS;

const pages = part({
  name: "page",
  title: "A page and an image on another host",
  setup:
    `A client visits ${PAGE}, whose server takes a while to make the page. The first byte of the page names an image on ${IMAGES}. The HTTPS record of ${PAGE} hints at ` +
    `${IMAGES}, at another host, or at none. All servers are as far away; the name server ${DNS_RTT} ms. Everything is our own: names, the race, QUIC, the rule which hints are followed.`,
  parameters: {
    hint: { title: "hint", labels: { none: "none", right: "right", wrong: "another host" } },
    thinks: { title: "the page takes", unit: "ms" },
    rtt: { title: "RTT", unit: "ms" },
  },
  figures: {
    page: { title: "page after", unit: "ms" },
    image: { title: "image after", unit: "ms" },
    inVain: { title: "connections in vain" },
  },
  cells: product({
    hint: Object.keys(HINTS) as HintName[],
    thinks: [0, 100] as const,
    rtt: [20, 50, 100, 200] as const,
  }),
  isQuick: ({ rtt }) => rtt === 50,
  repetitions: 1,
  measure({ hint, thinks, rtt }, run) {
    const visits = new Map<string, Visit>();
    const quic = [VERSION_1];
    const places = [
      [PAGE, "10.0.0.2", thinks],
      [IMAGES, "10.0.0.3", 0],
      [OTHER, "10.0.0.4", 0],
    ] as const;
    const records = places
      .map(
        ([host, address]) => `${host}. A ${address}\n${host}. HTTPS 1 . alpn=h3${host === PAGE ? HINTS[hint] : ""}\n`,
      )
      .join("");
    let image: Visit | undefined;
    let page: Visit | undefined;
    const { sites } = browse(
      {
        ...run,
        browser: { usesRecords: true, transports: ["quic"], versions: quic },
        zone: records,
        sites: places.map(([, address, time]) => ({ address, rtt, quic, thinks: millis(time) })),
      },
      ({ browser }, start) => {
        const onServices = (info: ServiceInfo, now: Instant): void => {
          if (info.kind !== "services") return;
          for (const origin of hintedOrigins(
            PAGE,
            info.services.flatMap(({ preconnectHint }) => preconnectHint),
          )) {
            const host = origin.replace("https://", "");
            visits.set(host, browser.visit({ host }, false, now));
          }
        };
        const onFirstByte = (now: Instant): void => {
          const known = visits.get(IMAGES);
          if (known === undefined) image = browser.visit({ host: IMAGES }, true, now);
          else {
            image = known;
            browser.want(known, now);
          }
        };
        page = browser.visit({ host: PAGE, onServices, onFirstByte }, true, start);
      },
      () => image?.firstByteAt !== undefined,
    );
    const connections = sites.reduce((sum, each) => sum + each.connections, 0);
    return {
      page: millisAt(page!.firstByteAt),
      image: millisAt(image!.firstByteAt),
      inVain: connections - 2,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Time to the first byte of the image",
      x: { column: "rtt" },
      y: { column: "image" },
      series: "hint",
      panels: "thinks",
    },
  ],
});

/** The image of a row, and what it would be without a hint. */
function pairs(rows: readonly Row[], hint: HintName): readonly { readonly row: Row; readonly without: number }[] {
  return rowsOf(rows, "page", { hint }).flatMap((row) => {
    const without = figureOf(rows, "page", "image", { hint: "none", thinks: row.thinks!, rtt: row.rtt! });
    return without === undefined ? [] : [{ row, without }];
  });
}

const compared = (
  claim: Omit<ClaimSpec, "judge">,
  hint: HintName,
  isMet: (row: Row, saved: number) => boolean,
): ClaimSpec => ({
  ...claim,
  judge(rows) {
    const found = pairs(rows, hint);
    if (found.length === 0) return undefined;
    const saved = (row: Row, without: number): number => without - Number(row.image);
    return {
      ours: found.map(({ row, without }) => `${saved(row, without)} ms at ${row.rtt}`).join(", "),
      met: found.every(({ row, without }) => isMet(row, saved(row, without))),
    };
  },
});

export const preconnectHint: Experiment = {
  name: "preconnect-hint",
  title: "Hints of hosts to connect to",
  summary: "a page and an image on another host, with and without a hint in the page's HTTPS record",
  takes: "seconds",
  parts: [pages],
  claims: [
    compared(
      {
        name: "A right hint saves the lookup and the handshake",
        source: "draft-pardue-httpbis-preconnect-hint-svc-param §1",
        theirs: "the connection is there when the page names the image: one round trip and the DNS lookup less",
      },
      "right",
      (row, saved) => saved === DNS_RTT + Number(row.rtt),
    ),
    compared(
      {
        name: "A wrong hint delays nothing",
        source: "draft-pardue-httpbis-preconnect-hint-svc-param §4",
        theirs: "hints are optional to use",
      },
      "wrong",
      (_, saved) => saved === 0,
    ),
    {
      name: "It costs the server of the other host one connection",
      source: "draft-pardue-httpbis-preconnect-hint-svc-param §5",
      theirs: "a client that follows a hint opens a connection that it may not use",
      judge(rows) {
        const [right, wrong] = (["right", "wrong"] as const).map((hint) => rowsOf(rows, "page", { hint }));
        if (right!.length === 0 || wrong!.length === 0) return undefined;
        return {
          ours: `${wrong![0]!.inVain} with a wrong hint, ${right![0]!.inVain} with a right one`,
          met: right!.every(({ inVain }) => inVain === 0) && wrong!.every(({ inVain }) => inVain === 1),
        };
      },
    },
  ],
};
