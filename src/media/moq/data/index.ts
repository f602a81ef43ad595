/** Objects on streams and in datagrams. */

export { type DataEvent, DataReader, emitFetchHeader, PADDING_STREAM } from "./data-reader.ts";
export { emitDatagram, type ObjectDatagram, PADDING_DATAGRAM, parseDatagram } from "./datagram.ts";
export { FETCH_HEADER, type FetchGap, type FetchObject, FetchObjects, type GapKind } from "./fetch-objects.ts";
export { MAX_PROPERTIES, type ObjectStatus } from "./objects.ts";
export { emitSubgroupHeader, type SubgroupHeader } from "./subgroup-header.ts";
export { type SubgroupObject, SubgroupObjects, SubgroupWriter } from "./subgroup-objects.ts";
