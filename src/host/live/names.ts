/** Namespaces as paths: "live/room" is two fields. */

import type { Namespace } from "../../media/moq/model.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";

/** The fields of a path; slashes at its ends, and double ones, mean nothing. */
export const namespaceOf = (path: string): Namespace =>
  path
    .split("/")
    .filter((part) => part !== "")
    .map(utf8);

/** For people. */
export const pathOf = (namespace: Namespace): string => namespace.map(fromUtf8).join("/");
