/** The options for versions of QUIC, common to several commands. */

import { Option } from "commander";
import { QUIC_VERSION_NAMES, type QuicVersionName } from "../host/quic/quic-options.ts";
import { usageError } from "./fail.ts";

export const quicVersionOption = (): Option =>
  new Option("--quic-version <version>", "the first version of QUIC to try").choices(QUIC_VERSION_NAMES);

export const quicVersionsOption = (): Option =>
  new Option("--quic-versions <list>", "versions of QUIC in order of preference, such as v2,v1").argParser(parseList);

function parseList(list: string): readonly QuicVersionName[] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !(QUIC_VERSION_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw usageError(`--quic-versions: unknown version "${unknown}"`, `use ${QUIC_VERSION_NAMES.join(" or ")}`);
  }
  return names as QuicVersionName[];
}
