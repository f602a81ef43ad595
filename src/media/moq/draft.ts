/**
 * The drafts, and in what they differ. Each predicate lists the older drafts, so that a new one is like its predecessor
 * until a line says otherwise.
 */

/** Drafts of draft-ietf-moq-transport that are spoken. */
export type Draft = 14 | 16 | 18 | 20;

/** In the order in which they are offered. */
export const DRAFTS: readonly Draft[] = [20, 18, 16, 14];

const OLDER = {
  /** Integers are those of RFC 9000; later ones have up to nine bytes. */
  hasQuicIntegers: [14, 16],
  /** One bidirectional control stream carries all requests, and answers name theirs; later each request has a stream. */
  hasSharedControlStream: [14, 16],
  /** Setup negotiates the version; later ALPN does. */
  hasVersionsInSetup: [14],
  /** Subscriptions have fields for what became parameters. */
  hasInlineParameters: [14],
  /** Types in lists of key-value pairs are absolute; later they are differences. */
  hasAbsoluteTypes: [14],
  /** The parity of a parameter's type says how its value is written; later the type itself does. */
  hasParametersAsPairs: [14, 16],
  /** Setup options are counted; later they fill the message. */
  hasCountedOptions: [14, 16],
  /** Each request has messages of its own for success and failure. */
  hasSeparateAnswers: [14],
  /** SUBSCRIBE_NAMESPACE is answered with PUBLISH_NAMESPACE; later it has a stream on which namespaces come and go. */
  hasNamespacesOnControlStream: [14],
  /** Updates are not answered, and have all fields of a subscription. */
  hasBareUpdates: [14],
  /** A publisher's properties of a track: none. */
  hasNoTrackProperties: [14],
  /** REQUEST_ERROR does not say when to try again. */
  hasNoRetry: [14],
  hasNoRedirect: [14, 16],
  /** The priority of a publisher is always written. */
  hasExplicitPriority: [14],
  /** A subgroup's header does not say whether its first object is the first of all. */
  hasNoFirstObjectBit: [14, 16],
  /** Objects of a fetch have all their fields; later flags say which. */
  hasPlainFetchObjects: [14],
  /** Groups and objects of a fetch are absolute; later they are differences. */
  hasAbsoluteFetchObjects: [14, 16],
  /** FETCH has a type, a range or the request that it joins; its end is exclusive. Later the range is a filter. */
  hasFetchTypes: [14, 16, 18],
  /** Filters have a type; later the number of their fields tells. */
  hasTypedFilters: [14, 16, 18],
  /** The last group of a filter is absolute. */
  hasAbsoluteEndGroup: [14, 16],
  /** GOAWAY is a URI alone. */
  hasBareGoaway: [14, 16],
  /** GOAWAY names the first request that was not handled. */
  hasRequestInGoaway: [18],
  /** PUBLISH is answered by PUBLISH_OK; later by REQUEST_OK. */
  hasPublishOk: [14, 16],
  /** FIN on a request's stream cancels it; later only a reset does. */
  cancelsByFin: [14, 16, 18],
  /** Messages are asked for by number: MAX_REQUEST_ID. */
  hasRequestLimit: [14, 16],
} as const satisfies Record<string, readonly Draft[]>;

/** In what a draft differs from newer ones. */
export type Trait = keyof typeof OLDER;

/** True if the draft still has what newer ones lost. */
export const draftHas = (draft: Draft, trait: Trait): boolean => (OLDER[trait] as readonly Draft[]).includes(draft);

/** In ALPN, and as a WebTransport subprotocol. Up to draft 14 one name stands for all. */
export const alpnOf = (draft: Draft): string => (draftHas(draft, "hasVersionsInSetup") ? "moq-00" : `moqt-${draft}`);

/** The draft of an ALPN name; undefined for those that are not spoken. */
export const draftOfAlpn = (alpn: string): Draft | undefined => DRAFTS.find((draft) => alpnOf(draft) === alpn);

/** What a client offers as ALPN, or as protocols of a WebTransport session, the preferred first. */
export const PROTOCOLS: readonly string[] = DRAFTS.map(alpnOf);

/**
 * The draft that a server speaks with a client that offers these names, by our preference; undefined if it speaks none of them. Over
 * WebTransport, clients up to draft 14 offer nothing: the version in the setup is all there is.
 */
export function chooseDraft(offered: readonly string[], spoken: readonly Draft[] = DRAFTS): Draft | undefined {
  if (offered.length === 0) return spoken.find((draft) => draftHas(draft, "hasVersionsInSetup"));
  return spoken.find((draft) => offered.includes(alpnOf(draft)));
}

/** In CLIENT_SETUP of draft 14. */
export const versionOf = (draft: Draft): number => 0xff00_0000 + draft;
