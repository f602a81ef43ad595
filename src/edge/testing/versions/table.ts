/** The table of requests that must get the same response over HTTP/1.1, HTTP/2 and HTTP/3. */

import { AUTHORITIES } from "./authorities.ts";
import { CONTENT } from "./content.ts";
import { FIELDS } from "./fields.ts";
import { FILES } from "./files.ts";
import { METHOD_ROWS } from "./methods.ts";
import { RESPONSES } from "./responses.ts";
import type { Row } from "./row.ts";
import { TARGETS } from "./targets.ts";

export const TABLE: readonly Row[] = [
  ...TARGETS,
  ...AUTHORITIES,
  ...METHOD_ROWS,
  ...FIELDS,
  ...CONTENT,
  ...RESPONSES,
  ...FILES,
];
