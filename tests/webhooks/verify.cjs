// verify.cjs PACKAGE: reads signed messages, one a line, and verifies each with each of its secrets;
// changed, or with another secret, it must be refused.
const { Webhook, WebhookVerificationError } = require(process.argv[2]);
const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");

const stranger = "whsec_" + Buffer.alloc(32, 7).toString("base64");

function refuses(secret, body, headers) {
  try {
    new Webhook(secret).verify(body, headers);
    return false;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return true;
    throw error;
  }
}

for (const line of lines) {
  const { secrets, headers, body } = JSON.parse(line);
  for (const secret of secrets) {
    new Webhook(secret).verify(body, headers);
    const changed = [
      [secret, body + " ", headers],
      [secret, body, { ...headers, "webhook-id": headers["webhook-id"] + "1" }],
      [secret, body, { ...headers, "webhook-timestamp": String(headers["webhook-timestamp"] - 1) }],
    ];
    if (!changed.every((one) => refuses(...one))) throw new Error(`a changed message passes: ${line}`);
  }
  if (!refuses(stranger, body, headers)) throw new Error(`a stranger's message passes: ${line}`);
}
console.log(`${lines.length} messages are as they should be`);
