/** The two dialects: how a file begins, and how an event is written. */

import type { QlogEvent, RecordingOrigin } from "./event.ts";
import type { QlogDialect } from "./options.ts";
import { qvisDialect } from "./qvis.ts";
import type { QlogObject } from "./values.ts";

export interface Dialect {
  /** The first record. */
  header(recording: RecordingOrigin): QlogObject;
  /** `time` is in milliseconds since the recording began. */
  event(event: QlogEvent, time: number): QlogObject;
}

/** Until they are RFCs, schemas of QUIC and HTTP/3 are identified with the number of the draft. */
const SCHEMAS = {
  quic: "urn:ietf:params:qlog:events:quic-14",
  http3: "urn:ietf:params:qlog:events:http3-14",
  loglevel: "urn:ietf:params:qlog:events:loglevel",
} as const;

const rfcDialect: Dialect = {
  header: ({ originalDestination, role, startedAt }) => ({
    file_schema: "urn:ietf:params:qlog:file:sequential",
    serialization_format: "application/qlog+json-seq",
    title: "nagare",
    trace: {
      event_schemas: Object.values(SCHEMAS),
      vantage_point: { type: role },
      common_fields: {
        ...(originalDestination === undefined ? {} : { group_id: originalDestination }),
        time_format: "relative_to_epoch",
        reference_time: {
          clock_type: "monotonic",
          epoch: "unknown",
          wall_clock_time: new Date(startedAt).toISOString(),
        },
      },
    },
  }),
  event: ({ name, data, tuple, group }, time) => ({
    time,
    name,
    data,
    ...(tuple === undefined ? {} : { tuple }),
    ...(group === undefined ? {} : { group_id: group }),
  }),
};

export const DIALECTS: Readonly<Record<QlogDialect, Dialect>> = { rfc: rfcDialect, qvis: qvisDialect };
