/** Packages without types, which only these tests use. */
declare module "body-parser";
declare module "busboy";
declare module "compression";
declare module "connect-timeout";
declare module "cookie-session";
declare module "express-session";
declare module "express-ws";
declare module "finalhandler";
declare module "formidable";
declare module "morgan";
declare module "multer";
declare module "on-finished";
declare module "on-headers";
declare module "passport";
declare module "serve-static";
declare module "swagger-ui-express";
declare module "vhost";
