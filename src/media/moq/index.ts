/** MoQ Transport: the codecs and sessions of drafts 14, 16, 18 and 20. */

export { ControlCodec, MAX_MESSAGE } from "./codec.ts";
export { ControlReader } from "./control-reader.ts";
export * from "./data/index.ts";
export {
  alpnOf,
  chooseDraft,
  DRAFTS,
  type Draft,
  draftHas,
  draftOfAlpn,
  PROTOCOLS,
  type Trait,
  versionOf,
} from "./draft.ts";
export { moqError, PUBLISH_DONE_CODES, REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS } from "./errors.ts";
export { Dialect, MAX_FULL_NAME, MAX_NAMESPACE_FIELDS, MAX_REASON, MAX_URI } from "./fields.ts";
export type * from "./messages.ts";
export {
  compareLocations,
  type Filter,
  type KeyValue,
  type Location,
  type Namespace,
  type Parameters,
  type RangeFilter,
  type SetupOptions,
  type Token,
  type TrackName,
} from "./model.ts";
export { type LocationRange, rangeOf, type Selectable, Selection, selectsTrack, startOf } from "./selection.ts";
export * from "./session/index.ts";
