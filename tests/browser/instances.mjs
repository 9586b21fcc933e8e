// Two instances of the shop, which die or hang under the console: it goes on at the other one by itself,
// what was under way happens once, and nothing is missing from what it shows.
//
//   node instances.mjs CHROMIUM PORT_BASE FOLDER
//
// JANGBU_SECOND: where the ports of the second instance begin.
import assert from "node:assert/strict";
import { launch, origin } from "./browser.mjs";
import { Console, eventually, order, stock_the_shop, wanted } from "./shop_page.mjs";

class Instance {
  constructor(name, base, suffix) {
    Object.assign(this, { name, base, suffix });
  }

  order(word) {
    return order(word + this.suffix);
  }

  origin(service) {
    return origin(service, this.base);
  }

  // Once it can: the read models are filled by the other one until that is gone.
  get(service, path) {
    return eventually(`${path} is answered`, async () => {
      const answer = await fetch(this.origin(service) + path);
      return answer.ok && answer.json();
    });
  }

  async writer() {
    return (await (await fetch(`${this.origin("operations")}/health/ready`)).json()).checks.writer;
  }
}

const first = new Instance("first", process.argv[3], "");
const second = new Instance("second", process.env.JANGBU_SECOND, "-second");

// A page that took a busy machine for a dead instance would move when nobody expects it: it waits ten
// times as long as it would, unless it is told otherwise. One that is dead refuses at once.
const open = (browser, options) =>
  Console.open(browser, {
    ...options,
    script: () => {
      window.longer = 10;
      const timeout = AbortSignal.timeout.bind(AbortSignal);
      AbortSignal.timeout = (ms) => timeout(window.longer * ms);
    },
  });
const be_patient = (page, longer) => page.page.evaluate((factor) => (window.longer = factor), longer);

// Which instance a page is with, and what that does.
const words = { active: { en: "active", ko: "작동 중" }, standby: { en: "standing by", ko: "대기 중" } };
const is_with = (page, instance, language = "en") =>
  eventually(`it is with ${instance.name}`, async () => {
    const { state } = await instance.writer();
    return (await page.get("#instance").innerText()).endsWith(`${instance.name}, ${words[state]?.[language]}`);
  });

const says = (page, place, what) => eventually(`${place} says ${what}`, async () => what.test(await page.get(place).innerText()));

// A command that is repeated under its key until the shop has decided it.
async function insist(instance, service, path, body) {
  const key = crypto.randomUUID();
  return eventually(`${path} is done`, async () => {
    const answer = await fetch(instance.origin(service) + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify(body),
    });
    return answer.ok && answer.json();
  });
}

let listed = 0;
const list_products = async (instance, count) => {
  const versions = [];
  for (let i = 0; i < count; ++i) {
    const product = { name: `벼루 ${++listed}`, unitPrice: { amount: 45_000, currency: "KRW" }, stock: 1 };
    versions.push((await insist(instance, "product", "/products", product)).version);
  }
  return versions;
};

// How often that many of a product were bought.
async function purchases_of(instance, product, quantity) {
  const { position } = await instance.writer();
  const { items } = await instance.get("purchase", `/purchases?limit=100&minPosition=${position}`);
  return items.filter(({ lines }) => lines[0].product === product && lines[0].quantity === quantity).length;
}

async function head(browser) {
  const page = await open(browser);
  await is_with(page, first);
  assert.equal(await page.get("#instance a").count(), 0);
  await page.picture("own");
  await page.close();
  const other = await open(browser, { base: second.base, width: "narrow" });
  await is_with(other, second);
  await other.picture("own");
  await other.close();
}

// It has bought, and the instance is killed before it has answered. Two more pages are open.
async function killed_before_it_answers(browser) {
  const page = await open(browser);
  const tail = await Console.tab(page.page.context()); // shares its streams
  await tail.go("log");
  await tail.get("h2 .live.on").waitFor();
  const narrow = await open(browser, { width: "narrow", locale: "ko-KR" });
  const before = await list_products(second, 5);

  await page.ask_quote({ ...wanted, quantity: 2 });
  const sent = [];
  page.page.on("request", (request) => /\/purchases$/.test(request.url()) && request.method() === "POST" && sent.push(request));
  await page.page.route(`${first.origin("purchase")}/purchases`, async (route) => {
    assert.equal((await route.fetch()).status(), 201);
    await first.order("kill");
    await route.abort("connectionreset");
  }, { times: 1 });
  const told = page.get("#notice.moved").waitFor();
  await page.get("#quote button.primary").click();
  const meanwhile = list_products(second, 10);
  await told;
  assert.match(await page.get("#notice").innerText(), /^Instance first does not answer. This page goes on with second.$|^$/);
  await page.picture("moved");
  await page.get("#bought").waitFor();
  await is_with(page, second);
  assert.equal(await page.get("#instance a").getAttribute("href"), `${second.origin("operations")}/`);
  const keys = sent.map((request) => request.headers()["idempotency-key"]);
  assert.equal(new Set(keys).size, 1, "one command has one key");
  assert.deepEqual([new URL(sent[0].url()).origin, new URL(sent.at(-1).url()).origin], [first.origin("purchase"), second.origin("purchase")]);
  assert.equal(await (await sent.at(-1).response()).headerValue("idempotent-replayed"), "true");
  assert.equal(await purchases_of(second, wanted.product.name, 2), 1);
  await page.get("#timeline li[data-type=PurchaseCompleted]").waitFor();
  await page.get("#deliveries .live.on").waitFor();
  await page.picture("bought");

  await is_with(narrow, second, "ko");
  await narrow.picture("moved");

  // All that happened is on the tail, once, in order.
  const versions = [...before, ...(await meanwhile), ...(await list_products(second, 5))];
  await is_with(tail, second);
  await tail.get(`#tail li[data-id="${versions.at(-1)}"]`).waitFor();
  const shown = await tail.get("#tail li[data-id]").evaluateAll((rows) => rows.map(({ dataset }) => dataset.id).toReversed());
  const { items } = await second.get("operations", `/events?from=${shown[0]}&limit=100`);
  assert.deepEqual(shown, items.map(({ id }) => id));
  assert.deepEqual(versions.filter((version) => !shown.includes(version)), []);
  await tail.picture("log");

  // The page stays where it is, also when the other one is there again.
  await first.order("start");
  const asked = [];
  page.page.on("request", (request) => asked.push(new URL(request.url())));
  await eventually("it has looked three times", () => asked.filter(({ pathname }) => pathname === "/health/ready").length >= 3);
  assert.deepEqual(asked.filter(({ port }) => Number(port) < Number(first.base) + 5 && Number(port) >= Number(first.base)), []);
  await is_with(page, second);
  await tail.close();
  await narrow.close();
  return page;
}

// The command has not reached it.
async function killed_before_it_hears(page) {
  await page.ask_quote({ ...wanted, quantity: 3 });
  await page.page.route(`${second.origin("purchase")}/purchases`, async (route) => {
    await second.order("kill");
    await route.continue();
  }, { times: 1 });
  await page.get("#quote button.primary").click();
  await page.get("#bought").waitFor();
  await is_with(page, first);
  assert.equal(await page.get("#instance a").count(), 0);
  assert.equal(await purchases_of(first, wanted.product.name, 3), 1);
  await second.order("start");
}

// It hangs, with a read and a command under way, and afterwards goes on with what it had been sent.
async function hung(page) {
  await page.page.unrouteAll();
  await page.go("operations");
  await page.get('.tile[data-part="writer"]').waitFor();
  await page.go("shop");
  await page.ask_quote({ ...wanted, quantity: 4 });
  await be_patient(page, 1);
  await first.order("pause");
  const read = page.page.evaluate(async () => {
    const { get } = await import(`${location.origin}/console/api.js`);
    const { json, at } = await get("product", "/products?limit=1");
    return [json.items.length, at.name];
  });
  await page.get("#quote button.primary").click();
  await page.get("#bought").waitFor();
  await is_with(page, second);
  assert.deepEqual(await read, [1, "second"]);
  await be_patient(page, 10);
  await page.go("operations"); // what it shows is asked for there, too
  await says(page, '.tile[data-part="writer"]', /Instance second/);
  await first.order("resume");
  await insist(first, "account", "/accounts", { name: "Grace Hopper", address: { line: "1 Navy Yard", zipCode: "20374" } });
  assert.equal(await purchases_of(second, wanted.product.name, 4), 1);
}

// What an instance does for the page goes with it: a burst, and a rebuild. (A rebuild of a shop so small
// is over before one could see it, so it is said to be running.)
async function jobs(page) {
  const rebuild = { state: "running", startedAt: new Date().toISOString(), stage: "loading", position: 1, target: 9, events: 1, eventsPerSecond: 1 };
  await page.page.route(`${second.origin("operations")}/projections/deliveries/rebuild`, (route) =>
    route.fulfill({ json: { ...rebuild, readModel: "deliveries" }, headers: { "Access-Control-Allow-Origin": "*" } }));
  await page.page.route(`${second.origin("operations")}/projections`, async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    for (const model of json.items) if (model.name === "deliveries") model.rebuild = "running";
    await route.fulfill({ response: answer, json });
  });
  await page.get("[data-rebuild-of=deliveries] progress").waitFor();

  await page.go("load");
  for (const [name, value] of [["rate", 20], ["seconds", 60], ["buyers", 2], ["products", 2]]) await page.get(`#load-${name}`).fill(String(value));
  await page.get("#start-load").click();
  await page.get('#load-run [data-state="running"]').waitFor();
  await page.page.unrouteAll();
  await second.order("kill");
  await says(page, "[role=alert]", /second, which ran the last burst, does not answer/);
  await page.picture("load-lost");
  await page.go("operations");
  await page.get('[data-rebuild-of=deliveries] [data-result="lost"]').waitFor();
  await page.picture("rebuild-lost");
  await page.page.setViewportSize({ width: 390, height: 844 });
  await page.page.evaluate(() => scrollTo(0, 0));
  page.width = "narrow";
  await page.picture("rebuild-lost");

  // Both can be begun again, where the page is now.
  await page.get("[data-rebuild=deliveries]").click();
  await page.get('[data-rebuild-of=deliveries] [data-result="equal"]').waitFor();
  await page.go("load");
  await page.get("#load-seconds").fill("2");
  await page.get("#start-load").click();
  await page.get('#load-run [data-state="done"]').waitFor();
  assert.doesNotMatch(await page.get("[role=alert]").innerText().catch(() => ""), /second/);
}

// Nobody answers, and then the one that the page had left.
async function all_are_gone(page) {
  await page.go("log");
  await page.get("#tail li[data-id]").first().waitFor();
  await first.order("kill");
  await page.health("lost");
  await second.order("start");
  await page.health("up");
  await is_with(page, second);
  const [version] = await list_products(second, 1);
  await page.get(`#tail li[data-id="${version}"]`).waitFor();
  await page.close();
}

const browser = await launch();
try {
  await stock_the_shop();
  await head(browser);
  const page = await killed_before_it_answers(browser);
  await killed_before_it_hears(page);
  await hung(page);
  await jobs(page);
  await all_are_gone(page);
  console.log("All as expected.");
} finally {
  await browser.close();
}
