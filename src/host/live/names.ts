/** Namespaces as paths: "live/room" is two fields. */

import type { Namespace } from "../../media/moq/model.ts";
import { utf8 } from "../../wire/text.ts";

/** The fields of a path; slashes at its ends, and double ones, mean nothing. */
export const namespaceOf = (path: string): Namespace =>
  path
    .split("/")
    .filter((part) => part !== "")
    .map(utf8);
