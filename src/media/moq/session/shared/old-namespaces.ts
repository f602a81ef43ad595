/**
 * Draft 14: the answer to SUBSCRIBE_NAMESPACE is a PUBLISH_NAMESPACE for each namespace, which is withdrawn by its name. Here they become
 * "namespace" and "namespace-done" of the subscription, as in later drafts, in both directions.
 */

import { toHex } from "../../../../wire/hex.ts";
import { equalBytes } from "../../../../wire/text.ts";
import { moqError, SESSION_ERRORS } from "../../errors.ts";
import type { Namespace } from "../../model.ts";
import type { Request } from "../requests.ts";

/** Namespaces that the peer may tell us, beyond its requests. */
const MAX_TOLD = 10_000;

export const namespaceKey = (namespace: Namespace): string => namespace.map(toHex).join("/");

const isPrefix = (prefix: Namespace, namespace: Namespace): boolean =>
  prefix.length <= namespace.length && prefix.every((field, i) => equalBytes(field, namespace[i]!));

const prefixOf = ({ message }: Request): Namespace => (message.type === "subscribe-namespace" ? message.prefix : []);

export class OldNamespaces {
  /** Those that we told, by their key. */
  readonly #told = new Set<string>();
  /** Ids of the requests with which we told them, whose answers mean nothing to the application. */
  readonly #ids = new Map<number, string>();
  /** Those of the peer that answer a subscription of ours. */
  readonly #heard = new Map<string, { readonly request: Request; readonly suffix: Namespace }>();

  /** The whole namespace, if it was not told yet; `id` is that of its PUBLISH_NAMESPACE. */
  tell(request: Request, suffix: Namespace, takeId: () => number): { namespace: Namespace; id: number } | undefined {
    const namespace = [...prefixOf(request), ...suffix];
    const key = namespaceKey(namespace);
    if (this.#told.has(key)) return undefined;
    this.#told.add(key);
    const id = takeId();
    this.#ids.set(id, key);
    return { namespace, id };
  }

  /** The whole namespace, if it was told. */
  withdraw(request: Request, suffix: Namespace): Namespace | undefined {
    const namespace = [...prefixOf(request), ...suffix];
    return this.#told.delete(namespaceKey(namespace)) ? namespace : undefined;
  }

  /** True for the answer to a request with which we told a namespace. */
  takeAnswer(id: number, isRefusal: boolean): boolean {
    const key = this.#ids.get(id);
    if (key === undefined) return false;
    this.#ids.delete(id);
    if (isRefusal) this.#told.delete(key);
    return true;
  }

  /** The peer does not want a namespace that we told. */
  cancel(namespace: Namespace): boolean {
    return this.#told.delete(namespaceKey(namespace));
  }

  /** The subscription of ours that a namespace of the peer answers, and what follows its prefix. */
  hear(namespace: Namespace, requests: Iterable<Request>): { request: Request; suffix: Namespace } | undefined {
    for (const request of requests) {
      if (!request.isOurs || request.type !== "subscribe-namespace") continue;
      const prefix = prefixOf(request);
      if (!isPrefix(prefix, namespace)) continue;
      if (this.#heard.size >= MAX_TOLD)
        throw moqError(SESSION_ERRORS.TOO_MANY_REQUESTS, "publish-namespace", `more than ${MAX_TOLD} namespaces`);
      const heard = { request, suffix: namespace.slice(prefix.length) };
      this.#heard.set(namespaceKey(namespace), heard);
      return heard;
    }
    return undefined;
  }

  /** A namespace of the peer went away: the subscription that it answered. */
  forgetHeard(namespace: Namespace): { request: Request; suffix: Namespace } | undefined {
    const key = namespaceKey(namespace);
    const heard = this.#heard.get(key);
    this.#heard.delete(key);
    return heard;
  }

  /** A subscription of ours ended. */
  forget(request: Request): void {
    for (const [key, heard] of this.#heard) if (heard.request === request) this.#heard.delete(key);
  }
}
