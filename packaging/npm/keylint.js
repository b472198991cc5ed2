#!/usr/bin/env node
// Runs the program of the package for this system, with these arguments and streams, and ends as it ends.
"use strict";

const { spawn } = require("node:child_process");

const name = `@keylint/${process.platform}-${process.arch}`;
const suffix = process.platform === "win32" ? ".exe" : "";

function program() {
  try {
    return require.resolve(`${name}/bin/keylint${suffix}`);
  } catch {
    console.error(
      `keylint: the package ${name} is missing. Install again without leaving out optional dependencies ` +
        `(--omit=optional, --no-optional). If there is none for this system, build keylint with cargo.`,
    );
    process.exit(2);
  }
}

let child;
// These are meant for the program. Ctrl-C reaches it from the terminal; a second one would end it before it has reported
// what was found. Listened for before there is a program, so that none is lost.
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => {});

child = spawn(program(), process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`keylint: ${error.message}`);
  process.exit(2);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
