// Opens the console in more tabs than a browser has connections to an origin: all of them work, and
// the shop has one stream to serve, however many listen; none when nobody looks.
//
//   node tabs.mjs CHROMIUM PORT_BASE FOLDER
import assert from "node:assert/strict";
import { launch, origin } from "./browser.mjs";
import { Console, eventually, post, stock_the_shop, wanted } from "./shop_page.mjs";

const many = 8;

async function streams(feed) {
  const metrics = await (await fetch(`${origin("operations")}/metrics`)).text();
  return Number(new RegExp(`^jangbu_sse_subscribers\\{stream="${feed}"\\} (\\d+)`, "m").exec(metrics)[1]);
}

const there_are = (count, feed) => eventually(`${count} streams of ${feed}`, async () => (await streams(feed)) === count);

// As when another tab is brought before it. (Of a browser without a screen no tab is hidden.)
const show = (page, shown) =>
  page.page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, !shown);

let listed = 0;
const list_product = () =>
  post("product", "/products", { name: `벼루 ${++listed}`, unitPrice: { amount: 45_000, currency: "KRW" }, stock: 1 });

const row = (page, event) => page.get(`#tail li[data-id="${event.version}"]`);

async function all_tabs_work(context) {
  const tabs = [];
  for (let i = 0; i < many; ++i) tabs.push(await Console.tab(context));
  for (const tab of tabs) await tab.get("#deliveries .live.on").waitFor();
  await there_are(1, "deliveries");

  // A command in each, seen in all of them.
  for (const tab of tabs) {
    await tab.ask_quote({ ...wanted, quantity: 1 });
    await tab.get("#quote button.primary").click();
    await tab.get("#bought").waitFor();
  }
  for (const tab of tabs) await eventually("all purchases are shown", async () => (await tab.get("#deliveries .row").count()) === many);
  const id = await tabs[0].get("#deliveries .row").first().getAttribute("data-delivery");
  await post("delivery", `/deliveries/${id}/scans`, {
    carrier: "우체국택배", trackingNumber: "6865412345678", status: "picked-up", occurredAt: new Date().toISOString(),
  });
  for (const tab of tabs) await tab.get(`[data-delivery="${id}"] [data-status=picked-up]`).waitFor();
  return tabs;
}

async function all_tails_go_on(tabs) {
  for (const tab of tabs) await tab.go("log");
  for (const tab of tabs) await tab.get("h2 .live.on").waitFor();
  await tabs[1].get("#tail-type").selectOption("PurchaseCompleted");
  await there_are(0, "deliveries");
  await there_are(1, "events");

  // The tabs that opened it go, one after the other, while something happens: nobody misses it.
  const [first, filtered, ...others] = tabs;
  const events = [];
  for (const going of [first, ...others.splice(0, 2)]) {
    for (let i = 0; i < 5; ++i) events.push(await list_product());
    // One of them is killed, and cannot say that it goes.
    if (going === first) await going.page.evaluate(() => void (MessagePort.prototype.postMessage = () => {}));
    await going.close();
    for (let i = 0; i < 5; ++i) events.push(await list_product());
  }
  for (const tab of others) for (const event of events) await row(tab, event).waitFor();
  assert.equal(await row(filtered, events[0]).count(), 0);
  await there_are(1, "events");
  return [filtered, ...others];
}

async function nobody_looks(tabs) {
  const [last, ...rest] = tabs.toReversed();
  for (const tab of rest) await show(tab, false);
  const seen = await list_product();
  await row(last, seen).waitFor();
  await there_are(1, "events");
  assert.equal(await row(rest[0], seen).count(), 0);
  await show(last, false);
  await there_are(0, "events");
  const missed = await list_product();
  for (const tab of [last, rest[0]]) {
    await show(tab, true);
    await row(tab, missed).waitFor();
  }
  await row(rest[0], seen).waitFor();
  await row(last, await list_product()).waitFor();
  await there_are(1, "events");
}

// However a stream is cut into pieces, and however its lines end; after a refusal it goes on.
async function read_in_pieces() {
  const text = await (await fetch(`${origin("operations")}/console/event_reader.js`)).text();
  const { EventReader } = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
  const sent = new TextEncoder().encode(
    "\ufeffretry: 1\n\nid: 7.0\n\n: a comment\nevent: event\r\ndata: 장부\r\ndata:\u2028\r\nid: 7.1\r\n\r\n" +
      "event: other\ndata: x\n\nevent: event\rdata: 2\rid: 8.0\r\revent: event\ndata: cut off",
  );
  for (const size of [1, 2, 3, sent.length]) {
    const pieces = Array.from({ length: Math.ceil(sent.length / size) }, (_, i) => sent.slice(i * size, (i + 1) * size));
    const answers = [new Response(ReadableStream.from(pieces)), new Response("", { status: 503 })];
    const asked = [];
    const heard = [];
    const reader = await new Promise((done) => {
      const reader = new EventReader("", {
        ask: async (url, { headers }) => {
          asked.push(headers["Last-Event-ID"]);
          return answers.shift() ?? done(reader);
        },
        type: "event",
        last: "6.0",
        onEvent: (id, data) => heard.push([id, data]),
        onState: () => {},
      });
    });
    reader.close();
    assert.deepEqual(heard, [["7.1", "장부\n\u2028"], ["8.0", "2"]]);
    assert.deepEqual(asked, ["6.0", "8.0", "8.0"]);
  }
}

async function without_shared_workers(browser) {
  const context = await browser.newContext();
  await context.addInitScript(() => delete globalThis.SharedWorker);
  const tab = await Console.tab(context);
  await tab.get("#deliveries .live.on").waitFor();
  await tab.go("log");
  await tab.get("h2 .live.on").waitFor();
  await row(tab, await list_product()).waitFor();
  await tab.close();
}

const browser = await launch();
try {
  await stock_the_shop();
  const tabs = await all_tails_go_on(await all_tabs_work(await browser.newContext({ locale: "en-US" })));
  await nobody_looks(tabs);
  for (const tab of tabs) assert.deepEqual(tab.complaints, []);
  await without_shared_workers(browser);
  await read_in_pieces();
  console.log("All as expected.");
} finally {
  await browser.close();
}
