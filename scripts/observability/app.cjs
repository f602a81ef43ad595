// A user's program in CommonJS.
const express = require("express");
const { serve } = require("nagare");
const { createServer } = require("nagare/node");

import("./run.mjs").then(({ run }) => run({ express, serve, createServer }));
