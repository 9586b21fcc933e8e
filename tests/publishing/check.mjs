// check.mjs TOOLS PUBLISHED SCHEMAS: reads the AsyncAPI document with @asyncapi/parser, and each event
// with cloudevents (strict) and ajv (strict, JSON Schema 2020-12).
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [tools, published, schemas] = process.argv.slice(2);
const require = createRequire(resolve(tools, "package.json"));
const { Parser } = require("@asyncapi/parser");
const { HTTP } = require("cloudevents");
const Ajv = require("ajv/dist/2020");
const addFormats = require("ajv-formats");

const readText = (...path) => readFile(join(...path), "utf8");

const { document, diagnostics } = await new Parser().parse(await readText(published, "asyncapi.json"));
// There is a 3.1, which has nothing that we need: what others have may not know it yet.
const complaints = diagnostics.filter(({ code }) => code !== "asyncapi-latest-version");
assert.deepEqual(complaints, [], "the AsyncAPI document is not as it should be");
console.log(`asyncapi.json: ${document.allChannels().length} channels, no complaint`);

const ajv = addFormats(new Ajv({ strict: true, strictTypes: false }));
const validators = new Map();
for (const file of await readdir(schemas)) {
  const schema = JSON.parse(await readText(schemas, file));
  const validate = ajv.compile(schema);
  for (const example of schema.examples) assert.ok(validate(example), ajv.errorsText(validate.errors));
  validators.set(schema.$id, validate);
}

const types = new Set(document.allMessages().all().map((message) => message.name()));
for (const file of await readdir(join(published, "events"))) {
  const body = await readText(published, "events", file);
  const event = HTTP.toEvent({ headers: { "content-type": "application/cloudevents+json" }, body });
  assert.ok(event.validate());
  assert.ok(types.delete(event.type), `${event.type} is not in asyncapi.json`);
  const validate = validators.get(event.dataschema);
  assert.ok(validate(event.data), `${file}: ${ajv.errorsText(validate.errors)}`);
  console.log(`${file}: a CloudEvent, and as ${event.dataschema} says`);
}
assert.deepEqual([...types], [], "not among the events");
