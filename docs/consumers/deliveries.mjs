// A table of deliveries, built from the shop's public stream alone: a row for each PurchaseCompleted.
//
//   npm install @nats-io/transport-node @nats-io/jetstream
//   NATS_URL=nats://delivery:secret@127.0.0.1:4222 node deliveries.mjs SHOP_PUBLIC deliveries.jsonl
//
// The file is the table. A row and its place in the stream are one line, written at once, so that the two agree however
// this program ends. The next start goes on behind the last whole line.
import { ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { connect } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const [stream, file] = process.argv.slice(2);
const { NATS_URL, NATS_DOMAIN: domain } = process.env;
if (!NATS_URL || !file) throw new Error("usage: NATS_URL=nats://… node deliveries.mjs STREAM FILE");

const table = openSync(file, "a+");
const written = readFileSync(table);
const rows = written.subarray(0, written.lastIndexOf("\n") + 1);
ftruncateSync(table, rows.length); // a line that a kill has cut short
let { place, sequence } = rows.length ? JSON.parse(rows.toString().split("\n").at(-2)) : { place: 0, sequence: "" };

const { host, username: user, password: pass } = new URL(NATS_URL);
const nats = await connect({ servers: host, user, pass, maxReconnectAttempts: -1 });
const source = await jetstream(nats, { domain }).streams.get(stream);
const { first_seq: first, last_seq: last } = (await source.info(true)).state;
if (place > last || (place > 0 && place + 1 < first))
  throw new Error(`behind ${place} something is missing: ${stream} has ${first} to ${last}. Begin with a new file.`);

const consumer = await source.getConsumer({
  filter_subjects: "jangbu.*.purchase.PurchaseCompleted",
  opt_start_seq: place + 1,
});
for await (const message of await consumer.consume()) {
  const event = message.json();
  if (event.sequence <= sequence) continue; // published again: it is in the table
  ({ sequence } = event);
  const { id, buyerId, lines, purchasedAt: openedAt } = event.data;
  const items = lines.map(({ productId, product, quantity }) => ({ productId, product, quantity }));
  writeSync(table, JSON.stringify({ id, buyerId, items, openedAt, sequence, place: message.seq }) + "\n");
}
