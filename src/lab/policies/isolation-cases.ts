/**
 * The cases of isolation: documents with headers, what they load, embed, open and navigate to. Each is a value that says everything;
 * interop/oracle asks Chromium about it, `isolation.ts` our rules. Relations are seen from site A.
 */

export type Relation = "same-origin" | "same-site" | "cross-site";
export const RELATIONS: readonly Relation[] = ["same-origin", "same-site", "cross-site"];
export const HOSTS: Readonly<Record<Relation, string>> = {
  "same-origin": "site-a.test",
  "same-site": "sub.site-a.test",
  "cross-site": "site-b.test",
};

export const COEPS = ["", "require-corp", "credentialless"] as const;
export const DIPS = ["", "isolate-and-require-corp", "isolate-and-credentialless"] as const;
type Coep = (typeof COEPS)[number];
type Dip = (typeof DIPS)[number];

/** Empty values are headers that are left out. */
export interface Headers {
  readonly coop?: string;
  readonly coep?: Coep;
  readonly dip?: Dip;
  readonly corp?: string;
}

/** A text for ids: `COEP require-corp, CORP same-site`, or `no headers`. */
export const headersText = (headers: Headers): string =>
  Object.entries(headers)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name.toUpperCase()} ${value}`)
    .join(", ") || "no headers";

const FIELD_NAMES: Readonly<Record<keyof Headers, string>> = {
  coop: "cross-origin-opener-policy",
  coep: "cross-origin-embedder-policy",
  dip: "document-isolation-policy",
  corp: "cross-origin-resource-policy",
};

export const fieldsOf = (headers: Headers): [string, string][] =>
  Object.entries(headers)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => [FIELD_NAMES[name as keyof Headers], value as string]);

/** Leaves out what has its usual value, so that files stay small. */
const compact = <Value extends object>(value: Value): Value =>
  Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined && each !== "" && each !== false),
  ) as Value;

// --- Header values -------------------------------------------------------------------------------------------------

export interface HeaderCase {
  readonly id: string;
  readonly header: "coop" | "coep" | "dip";
  readonly lines: readonly string[];
}

const TOKENS: Readonly<Record<HeaderCase["header"], readonly string[]>> = {
  coop: ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"],
  coep: ["require-corp", "credentialless", "unsafe-none"],
  dip: ["isolate-and-require-corp", "isolate-and-credentialless", "none"],
};

/** `T` stands for a token. */
const FORMS: readonly (readonly string[])[] = [
  ["T"],
  [" T"],
  ["T "],
  ["\tT"],
  ["T\t"],
  ["T;foo=bar"],
  ["T; foo=bar"],
  ["T;  foo=bar"],
  ["T;T"],
  ['T;report-to="x"'],
  ["T;report-to=x"],
  ['T;report-to="x";report-to="y"'],
  ["T;a=1;b=?1;c=:YQ==:;d=1.5"],
  ["T;a=@1"],
  ["T;"],
  ["T ;foo=bar"],
  ["T;\tfoo=bar"],
  ["T; foo=bar;"],
  ["T;Foo=bar"],
  ["T;foo="],
  ["T;foo=(a)"],
  ['"T"'],
  ["T,T"],
  ["T, T"],
  ["T T"],
  ["T,"],
  [",T"],
  ["(T)"],
  ["?1"],
  ["1"],
  [""],
  [" "],
  ["T", "T"],
  ["T", ""],
  ["TT"],
  ["T/x"],
  ["*T"],
  ["T\u00e9"],
  // One item on two lines.
  ['T; report-to="data:', '"'],
  ["T; a=1", "b=2"],
];

const OTHER_VALUES: Readonly<Record<HeaderCase["header"], readonly string[]>> = {
  coop: [
    "same-origin-plus-COEP",
    "same-site",
    "same-site unsafe-allow-outgoing",
    "same-origin unsafe-allow-outgoing",
    "unsafe-inherit",
    "restrict-properties",
    "Same-Origin",
  ],
  coep: ["cors-or-credentialless", "Require-Corp", "require-corp-and-credentialless"],
  dip: ["isolate", "require-corp", "Isolate-And-Require-Corp"],
};

export function headerCases(): readonly HeaderCase[] {
  const cases: HeaderCase[] = [];
  for (const header of ["coop", "coep", "dip"] as const) {
    const add = (lines: readonly string[]): void => {
      const id = `${header} ${JSON.stringify(lines)}`;
      if (!cases.some((each) => each.id === id)) cases.push({ id, header, lines });
    };
    const [first] = TOKENS[header];
    for (const form of FORMS) add(form.map((line) => line.replaceAll("T", first!)));
    for (const value of [...TOKENS[header], ...OTHER_VALUES[header]]) add([value]);
  }
  return cases;
}

// --- Resources -----------------------------------------------------------------------------------------------------

export const KINDS = ["image", "image-cors", "script", "style", "fetch", "fetch-omit", "fetch-cors"] as const;
export type Kind = (typeof KINDS)[number];

export interface ResourceCase {
  readonly id: string;
  /** The document: `http` is not a secure context, a sandbox makes its origin opaque. */
  readonly page: { readonly scheme?: "http"; readonly coep?: Coep; readonly dip?: Dip; readonly sandbox?: true };
  readonly kind: Kind;
  readonly to: Relation;
  readonly corp?: string;
  /** A redirect on the way. */
  readonly via?: { readonly to: Relation; readonly corp?: string };
}

const CORPS = ["", "same-origin", "same-site", "cross-origin"] as const;
const ODD_CORPS = [
  "Same-Origin",
  "cross-site",
  "same-origin, same-origin",
  "same-origin;x",
  '"cross-origin"',
  " same-site",
  "*",
];

export function resourceCases(): readonly ResourceCase[] {
  const cases: ResourceCase[] = [];
  const pages: ResourceCase["page"][] = [
    ...COEPS.flatMap((coep) => DIPS.map((dip) => ({ coep, dip }))),
    { scheme: "http" },
    { scheme: "http", coep: "require-corp", dip: "isolate-and-require-corp" },
    ...COEPS.map((coep) => ({ sandbox: true as const, coep })),
  ];
  for (const page of pages) {
    const where = `${page.scheme ?? "https"}${page.sandbox ? " sandbox" : ""} ${headersText({ coep: page.coep ?? "", dip: page.dip ?? "" })}`;
    const add = (kind: Kind, to: Relation, corp: string, via?: ResourceCase["via"]): void => {
      const way = via === undefined ? "" : ` via ${via.to} ${headersText({ corp: via.corp ?? "" })}`;
      const id = `${where}: ${kind} ${to} ${headersText({ corp })}${way}`;
      cases.push(compact({ id, page: compact(page), kind, to, corp, via: via && compact(via) }) as ResourceCase);
    };
    for (const to of RELATIONS) {
      for (const corp of CORPS) for (const kind of KINDS) add(kind, to, corp);
      for (const corp of ODD_CORPS) add("image", to, corp);
      if (page.scheme === "http" || page.sandbox) continue;
      for (const first of RELATIONS) for (const corp of CORPS) add("image", to, "", { to: first, corp });
    }
  }
  return cases;
}

// --- Frames --------------------------------------------------------------------------------------------------------

export interface FrameCase {
  readonly id: string;
  /** The page, which has COOP same-origin too. */
  readonly page: { readonly coep?: Coep; readonly dip?: Dip };
  readonly to: Relation;
  readonly frame: Headers;
  readonly allow?: true;
  readonly credentialless?: true;
  /** `srcdoc`, `blob`, `data` and `blank` documents have no headers. */
  readonly local?: "srcdoc" | "blob" | "data" | "blank";
  readonly sandbox?: true;
  readonly via?: { readonly to: Relation; readonly corp?: string };
}

export function frameCases(): readonly FrameCase[] {
  const cases: FrameCase[] = [];
  for (const coep of COEPS) {
    for (const dip of DIPS) {
      const add = (rest: Omit<FrameCase, "id" | "page">): void => {
        const { to, frame, allow, credentialless, local, sandbox, via } = rest;
        const marks = [allow && "allow", credentialless && "credentialless", sandbox && "sandbox", local]
          .filter(Boolean)
          .join(" ");
        const way = via === undefined ? "" : ` via ${via.to} ${headersText({ corp: via.corp ?? "" })}`;
        const id = `${headersText({ coep, dip })}: frame ${marks === "" ? "" : `${marks} `}${to} ${headersText(frame)}${way}`;
        cases.push(compact({ id, page: compact({ coep, dip }), ...rest, frame: compact(frame) }));
      };
      for (const to of RELATIONS) {
        for (const corp of CORPS) {
          for (const inner of COEPS) add({ to, frame: { coep: inner, corp } });
        }
        for (const corp of ["", "cross-origin"]) {
          for (const inner of COEPS) {
            add({ to, frame: { coep: inner, corp }, allow: true });
            add({ to, frame: { coep: inner, corp }, credentialless: true });
          }
          add({ to, frame: { dip: "isolate-and-require-corp", corp } });
          add({ to, frame: { dip: "isolate-and-credentialless", corp }, allow: true });
          add({ to, frame: { coep: "require-corp", dip: "isolate-and-require-corp", corp } });
          add({ to, frame: { coep: "require-corp", corp }, sandbox: true });
        }
        for (const via of RELATIONS)
          for (const corp of ["", "cross-origin"])
            add({ to, frame: { coep: "require-corp", corp: "cross-origin" }, via: compact({ to: via, corp }) });
      }
      for (const local of ["srcdoc", "blob", "data", "blank"] as const) {
        add({ to: "same-origin", frame: {}, local });
        add({ to: "same-origin", frame: {}, local, allow: true });
        // Nothing runs in a sandboxed about:blank that could say anything.
        if (local !== "blank") add({ to: "same-origin", frame: {}, local, sandbox: true });
      }
    }
  }
  return cases;
}

// --- Workers -------------------------------------------------------------------------------------------------------

export interface WorkerCase {
  readonly id: string;
  readonly page: { readonly coep?: Coep; readonly dip?: Dip };
  readonly kind: "dedicated" | "shared" | "blob" | "data";
  readonly worker: Headers;
}

export function workerCases(): readonly WorkerCase[] {
  const cases: WorkerCase[] = [];
  for (const coep of COEPS) {
    for (const dip of DIPS) {
      const page = compact({ coep, dip });
      const add = (kind: WorkerCase["kind"], worker: Headers): void => {
        const id = `${headersText(page)}: ${kind} worker ${headersText(worker)}`;
        cases.push({ id, page, kind, worker: compact(worker) });
      };
      for (const kind of ["dedicated", "shared"] as const) {
        for (const inner of COEPS) for (const innerDip of DIPS) add(kind, { coep: inner, dip: innerDip });
      }
      add("blob", {});
      add("data", {});
    }
  }
  return cases;
}

// --- Pages ---------------------------------------------------------------------------------------------------------

export interface PageCase {
  readonly id: string;
  readonly origin: "https" | "http" | "http-localhost";
  readonly page: Headers;
  readonly permissions?: string;
}

export const COOPS = ["", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"] as const;

export function pageCases(): readonly PageCase[] {
  const cases: PageCase[] = [];
  for (const origin of ["https", "http", "http-localhost"] as const) {
    for (const coop of COOPS)
      for (const coep of COEPS)
        for (const dip of DIPS) {
          const page = compact({ coop, coep, dip });
          cases.push({ id: `${origin} ${headersText(page)}`, origin, page });
        }
  }
  for (const permissions of ["cross-origin-isolated=()", "cross-origin-isolated=*", "cross-origin-isolated=(self)"]) {
    for (const page of [{ coop: "same-origin", coep: "require-corp" }, { dip: "isolate-and-credentialless" }] as const)
      cases.push({ id: `https ${headersText(page)}, ${permissions}`, origin: "https", page, permissions });
  }
  return cases;
}

// --- Popups --------------------------------------------------------------------------------------------------------

/** The headers of top-level documents that open, or are opened. */
export const WINDOWS: readonly Headers[] = [
  {},
  { coop: "same-origin-allow-popups" },
  { coop: "same-origin" },
  { coop: "noopener-allow-popups" },
  { coop: "same-origin", coep: "require-corp" },
  { coep: "require-corp" },
  { coop: "same-origin-allow-popups", coep: "credentialless" },
];

export interface PopupCase {
  readonly id: string;
  readonly opener: Headers;
  /** Where the frame is that opens; missing if the page itself does. */
  readonly frame?: Relation;
  readonly sandbox?: true;
  readonly via?: { readonly to: Relation; readonly page: Headers };
  readonly to: Relation;
  readonly popup: Headers;
  /** Where the popup goes afterwards. */
  readonly next?: { readonly to: Relation; readonly page: Headers };
}

export function popupCases(): readonly PopupCase[] {
  const cases: PopupCase[] = [];
  const add = (rest: Omit<PopupCase, "id">): void => {
    const { opener, frame, sandbox, via, to, popup, next } = rest;
    const from = frame === undefined ? "" : `${frame} frame in `;
    const way = via === undefined ? "" : ` via ${via.to} ${headersText(via.page)}`;
    const after = next === undefined ? "" : ` then ${next.to} ${headersText(next.page)}`;
    const id = `${from}${headersText(opener)}${sandbox ? " (sandbox)" : ""}: ${to} ${headersText(popup)}${way}${after}`;
    cases.push({ id, ...compact(rest) });
  };
  for (const opener of WINDOWS) {
    for (const to of RELATIONS) {
      for (const popup of WINDOWS) {
        add({ opener, to, popup });
        if (to !== "same-site") for (const frame of RELATIONS) add({ opener, frame, to, popup });
      }
    }
  }
  const some = WINDOWS.slice(0, 5);
  for (const opener of some) {
    for (const hop of some) {
      for (const popup of WINDOWS.slice(0, 3))
        for (const via of ["same-origin", "cross-site"] as const)
          add({ opener, via: { to: via, page: hop }, to: "same-origin", popup });
    }
  }
  for (const opener of WINDOWS.slice(0, 2)) {
    for (const popup of WINDOWS.slice(0, 2))
      for (const page of some)
        for (const to of RELATIONS) add({ opener, to: "same-origin", popup, next: { to, page } });
  }
  return cases;
}
