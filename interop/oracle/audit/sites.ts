/**
 * Ten sites with what keeps real ones from being isolated. `A`, `SUB`, `B` and `C` stand for origins: the page's, one of its site, and two of
 * other sites. The page is always `A/`.
 */

export interface SitePage {
  readonly type?: "html" | "css" | "js" | "gif" | "font";
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The target of a redirect. */
  readonly location?: string;
}

export interface AuditSite {
  readonly name: string;
  readonly pages: Readonly<Record<string, SitePage>>;
}

const COOP = { "cross-origin-opener-policy": "same-origin" };
const COEP = { "cross-origin-embedder-policy": "require-corp" };
const CREDENTIALLESS = { "cross-origin-embedder-policy": "credentialless" };
const CORP = { "cross-origin-resource-policy": "cross-origin" };
const ISOLATED = { ...COOP, ...COEP };

const GIF = { type: "gif" } as const;

export const AUDIT_SITES: readonly AuditSite[] = [
  {
    name: "isolated",
    pages: {
      "A/": {
        fields: ISOLATED,
        body: '<img src=/logo.gif><img src="B/x.gif"><iframe src="/inner.html"></iframe><link rel=stylesheet href="/a.css">',
      },
      "A/logo.gif": GIF,
      "A/a.css": { type: "css", body: 'body { background: url("SUB/bg.gif") }' },
      "A/inner.html": { fields: COEP, body: '<img src="B/x.gif">' },
      "B/x.gif": { ...GIF, fields: CORP },
      "SUB/bg.gif": { ...GIF, fields: { "cross-origin-resource-policy": "same-site" } },
    },
  },
  {
    name: "almost isolated",
    pages: {
      "A/": { fields: ISOLATED, body: '<script src="SUB/lib.js"></script><img src="B/x.gif"><img src="B/y.gif">' },
      "SUB/lib.js": { type: "js", fields: { "cross-origin-resource-policy": "same-site" }, body: "1" },
      "B/x.gif": { ...GIF, fields: CORP },
      "B/y.gif": GIF,
    },
  },
  {
    name: "styles and fonts",
    pages: {
      "A/": {
        fields: ISOLATED,
        body: '<link rel=stylesheet href="B/theme.css"><link rel=stylesheet href="/own.css"><p class=b>text</p>',
      },
      "A/own.css": {
        type: "css",
        body: '@import "B/more.css"; @font-face { font-family: F; src: url("B/f.woff2") } .b { font-family: F; background: url(B/bg.gif) }',
      },
      "B/theme.css": { type: "css", body: "p {}" },
      "B/more.css": { type: "css", fields: CORP, body: "p {}" },
      "B/bg.gif": GIF,
      "B/f.woff2": { type: "font", fields: { "access-control-allow-origin": "*" } },
    },
  },
  {
    name: "a broken chain of frames",
    pages: {
      "A/": { fields: ISOLATED, body: '<iframe src="B/outer.html"></iframe>' },
      "B/outer.html": {
        fields: { ...COEP, ...CORP },
        body: '<iframe src="C/middle.html"></iframe><iframe src="C/bare.html"></iframe><img src="C/x.gif">',
      },
      "C/middle.html": { fields: { ...COEP, ...CORP }, body: '<iframe src="A/last.html"></iframe>' },
      "C/bare.html": { body: "<p>bare</p>" },
      "C/x.gif": GIF,
      "A/last.html": { fields: CORP, body: "<p>last</p>" },
    },
  },
  {
    name: "third-party embeds without any policy",
    pages: {
      "A/": {
        body: '<script src="B/ads.js"></script><iframe src="B/video.html"></iframe><img src="C/pixel.gif"><iframe src="/about.html"></iframe>',
      },
      "A/about.html": { body: "<p>about</p>" },
      "B/ads.js": { type: "js", body: "1" },
      "B/video.html": { body: '<img src="B/poster.gif">' },
      "B/poster.gif": GIF,
      "C/pixel.gif": GIF,
    },
  },
  {
    name: "popups that must keep their opener",
    pages: {
      "A/": {
        fields: { "cross-origin-opener-policy": "same-origin-allow-popups", ...COEP },
        body: '<img src="C/x.gif"><button onclick="open(\'B/login\')">in</button>',
      },
      "C/x.gif": GIF,
    },
  },
  {
    name: "redirects",
    pages: {
      "A/": {
        fields: ISOLATED,
        body: '<img src="/to-b.gif"><img src="B/to-a.gif"><img src="B/to-c.gif"><iframe src="/to-frame"></iframe>',
      },
      "A/to-b.gif": { location: "B/x.gif" },
      "B/x.gif": GIF,
      "B/to-a.gif": { location: "A/y.gif" },
      "A/y.gif": GIF,
      "B/to-c.gif": { location: "C/z.gif", fields: CORP },
      "C/z.gif": GIF,
      "A/to-frame": { location: "B/frame.html" },
      "B/frame.html": { fields: COEP, body: "<p>frame</p>" },
    },
  },
  {
    name: "credentialless",
    pages: {
      "A/": {
        fields: { ...COOP, ...CREDENTIALLESS },
        body: '<img src="B/x.gif"><img src="B/closed.gif"><iframe src="B/frame.html"></iframe><iframe credentialless src="C/frame.html"></iframe>',
      },
      "B/x.gif": GIF,
      "B/closed.gif": { ...GIF, fields: { "cross-origin-resource-policy": "same-site" } },
      "B/frame.html": { fields: CREDENTIALLESS, body: "<p>frame</p>" },
      "C/frame.html": { body: "<p>frame</p>" },
    },
  },
  {
    name: "modules and workers",
    pages: {
      "A/": {
        fields: ISOLATED,
        body: '<script type=module src="/main.js"></script><script type=module src="B/lib.js"></script><script src="SUB/old.js"></script>',
      },
      "A/main.js": { type: "js", body: 'import "./part.js"; new Worker("/worker.js"); new Worker("/good.js");' },
      "A/part.js": { type: "js", body: 'import("./lazy.js");' },
      "A/lazy.js": { type: "js", body: "export {}" },
      "A/worker.js": { type: "js", body: "1" },
      "A/good.js": { type: "js", fields: COEP, body: "1" },
      "B/lib.js": { type: "js", fields: { "access-control-allow-origin": "*" }, body: "export {}" },
      "SUB/old.js": { type: "js", body: "1" },
    },
  },
  {
    name: "headers that do not mean what they say",
    pages: {
      "A/": {
        fields: { "cross-origin-opener-policy": "same-origin unsafe-allow-outgoing", ...COEP },
        body: '<img src="B/x.gif"><img src="B/y.gif"><iframe src="B/frame.html"></iframe><iframe srcdoc="<img src=\'B/z.gif\'>"></iframe>',
      },
      "B/x.gif": { ...GIF, fields: { "cross-origin-resource-policy": "cross-site" } },
      "B/y.gif": { ...GIF, fields: { "cross-origin-resource-policy": '"cross-origin"' } },
      "B/z.gif": GIF,
      "B/frame.html": { fields: { ...CORP, "cross-origin-embedder-policy": '"require-corp"' }, body: "<p>frame</p>" },
    },
  },
];
