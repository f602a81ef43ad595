/** The fields of FETCH and FETCH_OK, whose ends are exclusive up to draft 18, and inclusive later. */

import type { ByteWriter } from "./byte-writer.ts";
import { violation } from "./errors.ts";
import { type Dialect, type Field, flag, location, trackName } from "./fields.ts";
import { order, priority } from "./inline-parameters.ts";
import type { FetchMessage, FetchOkMessage } from "./messages.ts";
import type { Filter, Location, Parameters } from "./model.ts";
import { readParameters, writeParameters } from "./parameters.ts";

const STANDALONE = 1;
const RELATIVE = 2;
const ABSOLUTE = 3;

type FetchBody = Pick<FetchMessage, "track" | "joins" | "parameters">;

/** Everything after the request id, up to draft 18. */
export const typedFetch: Field<FetchBody> = {
  read(reader, dialect, where) {
    let parameters: Parameters = {};
    if (dialect.has("hasInlineParameters")) {
      parameters = { ...priority.read(reader, dialect, where), ...order.read(reader, dialect, where) };
    }
    const type = dialect.number(reader);
    if (type === RELATIVE || type === ABSOLUTE) {
      const joins = { requestId: dialect.number(reader), isRelative: type === RELATIVE, start: dialect.number(reader) };
      return { joins, parameters: { ...parameters, ...readParameters(reader, dialect, where) } };
    }
    if (type !== STANDALONE) throw violation(where, `a fetch of type ${type}`);
    const track = trackName.read(reader, dialect, where);
    const start = location.read(reader, dialect, where);
    const filter = filterOf(start, location.read(reader, dialect, where), where);
    return { track, parameters: { ...parameters, ...readParameters(reader, dialect, where), filter } };
  },
  write(writer, { track, joins, parameters }, dialect) {
    if (dialect.has("hasInlineParameters")) {
      priority.write(writer, parameters, dialect);
      order.write(writer, parameters, dialect);
    }
    const { filter, ...rest } = parameters;
    if (joins !== undefined) {
      writer.integer(joins.isRelative ? RELATIVE : ABSOLUTE);
      writer.integer(joins.requestId);
      writer.integer(joins.start);
    } else if (track !== undefined) {
      writer.integer(STANDALONE);
      trackName.write(writer, track, dialect);
      writeRange(writer, filter, dialect);
    } else {
      throw new RangeError("a fetch needs a track, or a request to join");
    }
    writeParameters(writer, rest, dialect);
  },
};

/** So far as anything was published. */
const OPEN_END = Number.MAX_SAFE_INTEGER;

function filterOf(start: Location, end: Location, where: string): Filter {
  if (end.group === OPEN_END && end.object === 0) return { type: "start", start };
  if (end.group < start.group || (end.group === start.group && end.object !== 0 && end.object <= start.object)) {
    throw violation(where, `a fetch that ends before it begins, in group ${end.group}`);
  }
  const endObject = end.object === 0 ? {} : { endObject: end.object - 1 };
  return { type: "range", start, endGroup: end.group, ...endObject };
}

function writeRange(writer: ByteWriter, filter: Filter | undefined, dialect: Dialect): void {
  const isRange = filter?.type === "range";
  const start = isRange || filter?.type === "start" ? filter.start : { group: 0, object: 0 };
  location.write(writer, start, dialect);
  const end = isRange
    ? { group: filter.endGroup, object: (filter.endObject ?? -1) + 1 }
    : { group: OPEN_END, object: 0 };
  location.write(writer, end, dialect);
}

type FetchOkBody = Pick<FetchOkMessage, "endOfTrack" | "end" | "parameters">;

/** Draft 14 has the order of groups before them. */
export const fetchOk: Field<FetchOkBody> = {
  read(reader, dialect, where) {
    const inline = dialect.has("hasInlineParameters") ? order.read(reader, dialect, where) : {};
    const endOfTrack = flag.read(reader, dialect, where);
    const { group, object } = location.read(reader, dialect, where);
    const parameters = { ...inline, ...readParameters(reader, dialect, where) };
    if (!dialect.has("hasFetchTypes")) return { endOfTrack, end: { group, object }, parameters };
    return { endOfTrack, end: object === 0 ? { group } : { group, object: object - 1 }, parameters };
  },
  write(writer, { endOfTrack, end, parameters }, dialect) {
    if (dialect.has("hasInlineParameters")) order.write(writer, parameters, dialect);
    flag.write(writer, endOfTrack, dialect);
    const isExclusive = dialect.has("hasFetchTypes");
    if (!isExclusive && end.object === undefined) throw new RangeError("the end of a fetch needs an object");
    const object = isExclusive ? (end.object ?? -1) + 1 : end.object!;
    location.write(writer, { group: end.group, object }, dialect);
    writeParameters(writer, parameters, dialect);
  },
};
