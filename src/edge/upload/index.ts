/** Resumable uploads: as the action of a route, for fetch handlers, and for listeners of Node's shape. */

import type { UploadOptions } from "./options.ts";
import { UploadService } from "./service.ts";

/** Throws a `ServeError` if an option is invalid. */
export const createUploads = (options: UploadOptions): UploadService => new UploadService(options);

export { MemoryUploadStorage } from "../../host/uploads/memory-storage.ts";
export {
  type ListedUpload,
  StorageFullError,
  UploadExistsError,
  type UploadStorage,
  type UploadWriter,
} from "../../host/uploads/storage.ts";
export {
  type InteropVersion,
  type ProfileName,
  type RefusalCode,
  type StoredResponse,
  type Upload,
  type UploadMetadata,
  type UploadProblem,
  type UploadRecord,
  UploadRefusal,
} from "../../http/resumable-upload/index.ts";
export type { DataStoreLike, DataStoreUpload } from "./data-store.ts";
export type { NodeUploadRequest, NodeUploadResponse } from "./node-call.ts";
export type { UploadAccess, UploadActionName, UploadInfo, UploadOptions, UploadResult } from "./options.ts";
export { UploadService } from "./service.ts";
