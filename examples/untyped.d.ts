/** Packages without types. */
declare module "express";
declare module "koa";
