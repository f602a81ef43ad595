/** The tests of COOP that are lists of popups, and those of COEP and CORP that need frames or fetch. */

import {
  documentOf,
  type Fields,
  fullOriginOf,
  type IsolationDocument,
  judgeFrame,
  judgePopup,
  judgeResource,
  readPolicies,
} from "../../../src/agent/isolation/index.ts";
import { bytesOf, expectSame, type Stubs } from "./case.ts";

interface Host {
  readonly origin: string;
  readonly name: string;
}
type HeaderValue = string | { readonly percentEncoded: string };

const headerBytes = (value: HeaderValue): string => (typeof value === "string" ? value : bytesOf(value.percentEncoded));

export const openerStubs: Stubs = ({ url, fields }, add) => {
  const topLevel = documentOf({ url: url.href, fields });
  const popup = ({ origin }: Host, coop: HeaderValue): IsolationDocument =>
    documentOf({ url: `${origin}/`, fields: coop === "" ? [] : [["cross-origin-opener-policy", headerBytes(coop)]] });
  return {
    run_coop_tests(title: string, tests: readonly (readonly [host: Host, coop: HeaderValue, hasOpener: boolean])[]) {
      for (const [host, coop, hasOpener] of tests) {
        add({
          name: `${title} opens ${host.name} with ${JSON.stringify(headerBytes(coop))}`,
          run: () => expectSame(judgePopup({ topLevel }, [popup(host, coop)]).keepsOpener, hasOpener, "opener"),
        });
      }
    },
    // The test does it by window.open, a link and two forms.
    run_coop_test_iframe(title: string, frame: Host, host: Host, coop: HeaderValue, hasOpener: boolean) {
      add({
        name: `${title}: ${frame.name} in a frame opens ${host.name} with ${JSON.stringify(headerBytes(coop))}`,
        run() {
          const opener = { topLevel, frame: documentOf({ url: `${frame.origin}/` }) };
          expectSame(judgePopup(opener, [popup(host, coop)]).keepsOpener, hasOpener, "opener");
        },
      });
    },
  };
};

/** testharness.js, as far as these tests need it. */
const harness: Stubs = (_, add) => ({
  promise_test(run: (t: object) => Promise<void>, name: string) {
    add({ name, run: () => run({ add_cleanup() {} }) });
  },
  assert_equals: (actual: unknown, expected: unknown) => expectSame(actual, expected, "the value"),
  assert_not_equals(actual: unknown, unexpected: unknown) {
    if (Object.is(actual, unexpected)) throw new Error(`the value is ${String(actual)}`);
  },
  async promise_rejects_js(_test: object, error: { readonly name: string }, promise: Promise<unknown>) {
    const reason = await promise.then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expectSame(reason?.name, error.name, "the rejection");
  },
});

/** A frame that loads its source when it is put into a document. */
class FrameElement {
  src = "";
  onload: (() => void) | undefined;
  contentDocument: { readonly body: { appendChild(child: FrameElement): void } } | null = null;

  setAttribute(_name: string, value: string): void {
    this.src = value;
  }

  remove(): void {}

  load(parent: IsolationDocument, base: URL): void {
    const url = new URL(this.src, base);
    const lines = url.pathname.endsWith("coep.py") ? url.search.slice(1).split("&") : [];
    const fields: Fields = lines
      .filter((line) => line.startsWith("value="))
      .map((line) => ["cross-origin-embedder-policy", bytesOf(line.slice("value=".length))]);
    const { document, blocked } = judgeFrame(parent, { url: url.href, fields });
    const body = { appendChild: (child: FrameElement) => child.load(document, url) };
    this.contentDocument = blocked === undefined ? { body } : null;
    queueMicrotask(() => this.onload?.());
  }
}

export const embedderStubs: Stubs = (page, add) => {
  const document = documentOf({ url: page.url.href, fields: page.fields });
  return {
    ...harness(page, add),
    document: {
      createElement: () => new FrameElement(),
      body: { appendChild: (child: FrameElement) => child.load(document, page.url) },
    },
  };
};

export const resourceStubs: Stubs = (page, add) => {
  const document = documentOf({ url: page.url.href, fields: page.fields });
  const hopAt = (url: URL) => {
    const corp = url.searchParams.get("corp");
    const fields: Fields = corp === null ? [] : [["cross-origin-resource-policy", corp]];
    return { url: url.href, corp: readPolicies(fields, fullOriginOf(url.href)).corp };
  };
  return {
    ...harness(page, add),
    async fetch(input: string, { mode = "cors" }: { readonly mode?: "cors" | "no-cors" } = {}) {
      const first = new URL(input, page.url);
      const next = first.searchParams.get("redirectTo");
      const redirects = next === null ? [] : [hopAt(first)];
      const last = hopAt(next === null ? first : new URL(next));
      const { blocked } = judgeResource(document, { ...last, mode, credentials: "same-origin", redirects });
      if (blocked !== undefined) throw new TypeError(blocked);
      return { text: async () => "hello" };
    },
  };
};
