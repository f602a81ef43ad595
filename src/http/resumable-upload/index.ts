/** Resumable uploads, without storage and sockets: fields, profiles, what a request asks for, states, responses. */

export {
  type Answer,
  appendedAnswer,
  cancelledAnswer,
  completedAnswer,
  createdAnswer,
  optionsAnswer,
  progressInterim,
  refusedAnswer,
  retrievedAnswer,
  supportedInterim,
  type UploadAbilities,
  type UploadView,
  withEarlyFlag,
} from "./answers.ts";
export { CHECKSUM_ALGORITHMS, DIGEST_ALGORITHMS, type ExpectedDigest, reprDigest, wantedDigest } from "./digests.ts";
export {
  type AppendIntent,
  type Concatenation,
  type CreateIntent,
  interpretUploadRequest,
  profileOfRequest,
  type UploadIntent,
  type UploadRequestHead,
  unknownUpload,
} from "./intent.ts";
export { emitUploadLimit, parseUploadLimit, type UploadLimits } from "./limits.ts";
export { dispositionName, metadataOf, parseTusMetadata, safeFileName, type UploadMetadata } from "./metadata.ts";
export {
  INTEROP_VERSIONS,
  type InteropVersion,
  isInteropVersion,
  NEWEST_VERSION,
  OFFSET_OCTET_STREAM,
  PARTIAL_UPLOAD,
  PROFILE_NAMES,
  type Profile,
  type ProfileName,
  profileOf,
} from "./profiles.ts";
export { type RefusalCode, type UploadProblem, UploadRefusal } from "./refusal.ts";
export { byteCountField, bytesField, decodeBase64, flagField } from "./structured.ts";
export {
  invalidates,
  planAppend,
  planCreation,
  Reception,
  type ReceptionEnd,
  type ReceptionPlan,
  type StoredResponse,
  type Upload,
  type UploadRecord,
} from "./upload.ts";
