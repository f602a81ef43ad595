/** The origin of a document among others. */

import { type FullOrigin, fullOriginOf } from "../isolation/index.ts";
import type { AuditDocument } from "./facts.ts";

/** about: documents have their parent's; undefined if it is opaque, as of data: URLs and in sandboxes (HTML, "determine the origin"). */
export function documentOrigin(documents: readonly AuditDocument[], index: number): FullOrigin | undefined {
  let place: string | undefined;
  for (let at: number | undefined = index; at !== undefined; at = documents[at]!.parent) {
    const { url, response, isSandboxed } = documents[at]!;
    // HTML §7.1.5: a sandbox holds for the frames within, too.
    if (isSandboxed) return undefined;
    if (!/^about:/i.test(url)) place ??= response?.url ?? url;
  }
  return place === undefined ? undefined : fullOriginOf(place);
}
