/** All suites. */
import type { Suite } from "../suite.ts";
import { bodyParser } from "./body-parser.ts";
import { compression } from "./compression.ts";
import { cors } from "./cors.ts";
import { express } from "./express.ts";
import { fastify } from "./fastify.ts";
import { finalhandler } from "./finalhandler.ts";
import { koa } from "./koa.ts";
import { morgan } from "./morgan.ts";
import { multer } from "./multer.ts";
import { onFinished } from "./on-finished.ts";
import { send } from "./send.ts";
import { serveStatic } from "./serve-static.ts";
import { session } from "./session.ts";

export const SUITES: readonly Suite[] = [
  express,
  bodyParser,
  koa,
  fastify,
  send,
  compression,
  finalhandler,
  onFinished,
  serveStatic,
  multer,
  session,
  morgan,
  cors,
];
