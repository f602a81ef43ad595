/** Derives a file's media type from its name. */
import mime from "mime/lite";

/** Common types on the web that the library's short list lacks. */
const MORE: Readonly<Record<string, string>> = {
  "7z": "application/x-7z-compressed",
  flac: "audio/flac",
  ico: "image/vnd.microsoft.icon",
  m3u8: "application/vnd.apple.mpegurl",
  tar: "application/x-tar",
};

export function contentType(path: string): string {
  const type = mime.getType(path) ?? MORE[path.slice(path.lastIndexOf(".") + 1).toLowerCase()];
  if (type === undefined || type === null) return "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

/** True if a precompressed file next to it is worth looking for. */
export const isCompressible = (type: string): boolean =>
  /^text\/|^image\/svg|^image\/vnd\.microsoft\.icon|^font\/[ot]tf|wasm|json|xml|javascript|octet-stream/.test(type);
