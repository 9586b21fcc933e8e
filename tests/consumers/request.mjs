// Sends a request to a NATS server, and prints the answer, or why there was none:
//
//   NATS_URL=nats://user:password@127.0.0.1:4222 node request.mjs SUBJECT [BODY]
import { connect } from "@nats-io/transport-node";

const [subject, body] = process.argv.slice(2);
const { host, username: user, password: pass } = new URL(process.env.NATS_URL);
const nats = await connect({ servers: host, user, pass });
const answer = await nats.request(subject, body, { timeout: 10_000 }).then((it) => it.string(), (why) => why.message);
console.log(answer);
await nats.close();
