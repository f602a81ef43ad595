// A user's program.
import express from "express";
import { serve } from "nagare";
import { createServer } from "nagare/node";
import { run } from "./run.mjs";

await run({ express, serve, createServer });
