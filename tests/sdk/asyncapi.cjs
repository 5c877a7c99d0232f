// Reads an AsyncAPI document with AsyncAPI's own parser, and compares what the parser understood with what was meant.
//
//   node asyncapi.cjs FOLDER_OF_NODE_MODULES DOCUMENT
//
// Exits with 1 where the parser finds fault.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const [modules, path] = process.argv.slice(2);
const { Parser } = createRequire(`${resolve(modules)}/`)("@asyncapi/parser");

const ERROR = 0;
const WARNING = 1;

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
  const faults = diagnostics.filter(({ severity }) => severity === ERROR || severity === WARNING);
  for (const { code, path: place, message } of faults) {
    console.log(`OFF ${code} at ${place.join("/")}: ${message}`);
  }
  if (faults.length > 0 || !document) process.exit(1);

  const channels = document.channels().all();
  for (const channel of channels) {
    console.log(`channel ${channel.id()}: ${channel.messages().all().map((message) => message.id()).join(" ")}`);
  }
  for (const operation of document.operations().all()) {
    console.log(`operation ${operation.id()}: ${operation.action()} ${operation.channels().all().map((channel) => channel.id())}`);
  }
  const messages = document.components().messages().all();
  const bare = messages.filter((message) => message.examples().all().length === 0).map((message) => message.id());
  if (bare.length > 0) {
    console.log(`OFF no examples: ${bare.join(" ")}`);
    process.exit(1);
  }
  console.log("the parser understood all of it");
}

main();
