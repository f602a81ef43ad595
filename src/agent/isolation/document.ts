/** Documents and workers with their policies: from their response, or taken over from their creator (HTML "policy container"). */

import { type FullOrigin, fullOriginOf, isLocalUrl, isSecureOrigin } from "./origin.ts";
import { type Fields, type PolicyOptions, type ResponsePolicies, readPolicies } from "./policy.ts";

/** A document with its policies. */
export interface IsolationDocument {
  readonly url: string;
  /** Undefined if it is opaque: data: URLs and sandboxed documents. */
  readonly origin: FullOrigin | undefined;
  /** True if it is a secure context, all of whose ancestors are. */
  readonly isSecure: boolean;
  readonly policies: ResponsePolicies;
}

/** The response that a document comes from. */
export interface DocumentResponse {
  readonly url: string;
  /** The header of the response; local documents have none. */
  readonly fields?: Fields;
  /** True if a sandbox makes its origin opaque. */
  readonly isSandboxed?: boolean;
}

/** `creator` is the document whose frame, popup or worker it is: about:, blob: and data: documents have its policies. */
export function documentOf(
  { url, fields = [], isSandboxed = false }: DocumentResponse,
  creator?: IsolationDocument,
  options?: PolicyOptions,
): IsolationDocument {
  const isLocal = isLocalUrl(url);
  const own = isLocal && !/^(?:blob|data):/i.test(url) ? creator?.origin : fullOriginOf(url);
  const responseOrigin = fullOriginOf(url);
  const isSecure = isLocal ? creator?.isSecure === true : isSecureOrigin(responseOrigin);
  const policies = isLocal && creator !== undefined ? creator.policies : readPolicies(fields, responseOrigin, options);
  return { url, origin: isSandboxed ? undefined : own, isSecure, policies };
}
