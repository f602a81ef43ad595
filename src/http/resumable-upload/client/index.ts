/** A client's uploads, without connections and files. */

export {
  ClientUpload,
  type ClientUploadOptions,
  finalRequest,
  parseUploadProtocol,
  type SavedUpload,
  type UploadRequest,
  type UploadVerdict,
} from "./client-upload.ts";
export type { ClientUploadError, UploadFailure } from "./failure.ts";
