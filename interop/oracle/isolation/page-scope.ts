/** The globals that functions use when they run in the page. TypeScript compiles them for Node, which has no document. */

export interface PageElement {
  name: string;
  src: string;
  srcdoc: string;
  allow: string;
  sandbox: string;
  crossOrigin: string;
  credentialless: boolean;
  onload: () => void;
  onerror: () => void;
  readonly contentWindow: { readonly crossOriginIsolated: boolean };
}

export interface PageWorker {
  onmessage: (event: { readonly data: unknown }) => void;
  onerror: () => void;
}

export interface PageReport {
  toJSON(): { readonly type: string; readonly body: Readonly<Record<string, string>> };
}

export interface PageScope {
  readonly document: {
    createElement(name: string): PageElement;
    readonly head: { append(element: PageElement): void };
    readonly body: { append(element: PageElement): void };
  };
  readonly URL: { createObjectURL(blob: object): string };
  readonly Blob: new (parts: readonly string[], options: { readonly type: string }) => object;
  readonly Worker: new (url: string) => PageWorker;
  readonly SharedWorker: new (url: string) => { readonly port: PageWorker; onerror: () => void };
  readonly ReportingObserver: new (
    callback: (reports: readonly PageReport[]) => void,
    options: { readonly buffered: boolean },
  ) => { observe(): void };
  fetch(url: string, init: { readonly mode: string; readonly credentials: string }): Promise<unknown>;
  /** Tells the oracle what became of a load or a frame. */
  tell(n: string, isolated?: boolean): void;
}
