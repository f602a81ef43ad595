/** The packager: from ffmpeg's fragmented MP4 to groups and objects. */

export type { MediaObject, Notice, NoticeCode, PackagerEvent, PublishedInit } from "./events.ts";
export { Packager, type PackagerOptions } from "./packager.ts";
