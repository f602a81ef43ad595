/** Packages without types of their own. */
declare module "express";
declare module "koa";
