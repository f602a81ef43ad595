/** What a loader saw of a page, as values: `judgeAudit` judges them. URLs are absolute; times are milliseconds since 1970. */

import type { Fields } from "../isolation/index.ts";

export interface Hop {
  readonly url: string;
  readonly status: number;
  readonly fields: Fields;
}

export interface LoadedResponse extends Hop {
  readonly protocol: string;
  /** Bytes of content as sent, up to the limit of the loader. */
  readonly contentBytes: number;
  /** The responses that redirected to this one. */
  readonly redirects: readonly Hop[];
}

export interface LoadFailure {
  /** `TOO_MANY_REDIRECTS`, `CONNECTION_FAILED` … */
  readonly code: string;
  readonly message: string;
}

export type ResourceKind = "image" | "media" | "script" | "style" | "font" | "track" | "worker" | "preload" | "other";

/** What a document asks for. */
export interface Reference {
  readonly kind: ResourceKind;
  readonly url: string;
  /** `cors` for `crossorigin`, modules and fonts. */
  readonly mode: "no-cors" | "cors";
  readonly credentials: "same-origin" | "include";
  /** Where it stands: `<img>`, `url() in a style sheet`. */
  readonly from: string;
  /** True if the page shows nothing before it has come. */
  readonly isBlocking: boolean;
}

export interface AuditResource extends Reference {
  /** The index of the document that asks for it. */
  readonly document: number;
  readonly response?: LoadedResponse;
  readonly failure?: LoadFailure;
}

/** The first is the page; the others are frames. */
export interface AuditDocument {
  readonly url: string;
  /** The index of the document that embeds it; undefined for the page. */
  readonly parent: number | undefined;
  /** `srcdoc`, `blob:` and the like have no response. */
  readonly response?: LoadedResponse;
  readonly failure?: LoadFailure;
  readonly isAllowed: boolean;
  readonly credentialless: boolean;
  readonly isSandboxed: boolean;
}

/** One certificate of a chain, the server's own first. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** `RSA 2048`, `EC P-256`. */
  readonly key: string;
}

export interface TlsFacts {
  /** `TLS 1.3`. */
  readonly version: string;
  readonly cipher: string;
  readonly alpn: string;
  readonly chain: readonly CertificateFacts[];
  /** Why the certificate is not trusted; undefined if it is. */
  readonly problem?: string;
}

/** What was tried to reach the page over HTTP/3. */
export interface Http3Facts {
  readonly works: boolean;
  /** Why not. */
  readonly failure?: LoadFailure;
  /** `h3` of an HTTPS record; undefined if nobody was asked, as for addresses. */
  readonly inDns?: boolean;
}

export interface AuditFacts {
  readonly url: string;
  readonly now: number;
  readonly documents: readonly AuditDocument[];
  readonly resources: readonly AuditResource[];
  readonly tls?: TlsFacts;
  readonly http3?: Http3Facts;
  /** The response of http:// on the same host, if it was asked. */
  readonly plain?: Hop;
  /** What was left out: sentences. */
  readonly limits: readonly string[];
  /** The site that embeds the page, with the header of its page; undefined for first-party use. */
  readonly embedder?: { readonly url: string; readonly fields: Fields };
}

/** A header to add or to change. */
export interface HeaderFix {
  /** The URL whose response needs it. */
  readonly url: string;
  readonly header: string;
  readonly value: string;
}
