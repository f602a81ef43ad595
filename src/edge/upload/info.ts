/** An upload as hooks see it. */

import type { Upload } from "../../http/resumable-upload/index.ts";
import type { UploadCall } from "./call.ts";
import type { UploadInfo, UploadSettings } from "./options.ts";

export function uploadInfo({ storage }: UploadSettings, call: UploadCall, { record, offset }: Upload): UploadInfo {
  const { id, metadata, length } = record;
  return {
    id,
    metadata,
    offset,
    length,
    path: storage.pathOf?.(record),
    headers: headersOf(call),
    remoteAddress: call.remoteAddress,
    content: () => storage.read(id),
  };
}

export const headersOf = ({ fields }: UploadCall): Headers => new Headers(fields as [string, string][]);
