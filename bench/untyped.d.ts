/** A package without types. */
declare module "express";
