// Loses the answer to each command of the console, and then is a shop that has just started: what
// became of the command nobody can tell until the shop decides, so the page must ask until it does.
//
//   node unsettled.mjs CHROMIUM PORT_BASE FOLDER
import assert from "node:assert/strict";
import { launch, origin } from "./browser.mjs";
import { Console, eventually, post, stock_the_shop, wanted } from "./shop_page.mjs";

const not_ready = {
  status: 503,
  contentType: "application/problem+json",
  headers: { "Access-Control-Allow-Origin": "*" },
  body: JSON.stringify({ type: "/problems/not-ready", title: "Not ready", status: 503, code: "not-ready", detail: "Nothing was done." }),
};

// From now on commands at such a path are lost, the first one `done` or not, until recover().
class Loss {
  static async of(page, path, { done = true } = {}) {
    const loss = new Loss();
    Object.assign(loss, { page, keys: [], recovered: false });
    loss.matches = (url) => path.test(url.pathname);
    await page.page.route(loss.matches, async (route) => {
      if (route.request().method() === "GET") return route.continue();
      loss.keys.push(route.request().headers()["idempotency-key"]);
      if (loss.recovered) return route.continue();
      if (loss.keys.length > 1) return route.fulfill(not_ready);
      if (done) await route.fetch();
      return route.abort("connectionreset");
    });
    return loss;
  }

  recover() {
    this.recovered = true;
  }

  async is_noticed() {
    await this.page.get("#unsettled li").waitFor();
    const { length } = this.keys;
    await eventually("it is asked again", () => this.keys.length >= Math.max(2, length));
  }

  // The user does not want to wait, and then comes back to it: the shop, which is still not ready,
  // says of the new try that nothing was done by it, which settles nothing.
  async is_left_and_pressed_again(complaint, press) {
    await this.page.get("#unsettled button").click();
    await says(this.page, complaint, /Left unsettled/)();
    assert.equal(await this.page.get("#unsettled li").count(), 0);
    const { length } = this.keys;
    await press();
    await this.page.get("#unsettled li").waitFor();
    await eventually("it is asked again", () => this.keys.length >= length + 2);
  }

  async end() {
    assert.equal(new Set(this.keys).size, 1, "one command has one key");
    await eventually("nothing is unsettled", async () => (await this.page.get("#unsettled li").count()) === 0);
    await this.page.page.unroute(this.matches);
  }
}

async function in_doubt(page, path, command, outcome) {
  const loss = await Loss.of(page, path);
  await command();
  await loss.is_noticed();
  loss.recover();
  await outcome();
  await loss.end();
}

async function purchases_of(product) {
  const { checks } = await (await fetch(`${origin("operations")}/health/ready`)).json();
  const { items } = await (await fetch(`${origin("purchase")}/purchases?limit=100&minPosition=${checks.writer.position}`)).json();
  return items.filter(({ lines }) => lines[0].product === product);
}

const says = (page, place, what) => () =>
  eventually(`${place} says ${what}`, async () => what.test(await page.get(place).innerText().catch(() => "")));

async function every_command(browser) {
  const page = await Console.open(browser);
  await page.ask_quote(wanted);

  // What somebody changes while the quote is open.
  await page.get(".provoke summary").click();
  await in_doubt(page, /\/price$/, () => page.get("#change-price").click(), says(page, ".provoke", /Recorded at/));
  await in_doubt(page, /\/address$/, () => page.get("#change-address").click(), says(page, ".provoke", /Recorded at/));

  await page.ask_quote(wanted);
  const loss = await Loss.of(page, /\/purchases$/);
  await page.get("#quote button.primary").click();
  await loss.is_noticed();
  await page.picture("unsettled");
  await page.go("operations"); // it stands there whatever is shown
  await page.get("#unsettled li").waitFor();
  await page.go("shop");
  loss.recover();
  await page.get("#bought").waitFor();
  await loss.end();
  assert.equal((await purchases_of("한지 노트")).length, 1);
  await page.get("#timeline li").first().waitFor();

  const said = says(page, "#carrier-said", /Recorded at/);
  for (const status of ["picked-up", "delivered"]) {
    await page.get("#scan-status").selectOption(status);
    await in_doubt(page, /\/scans$/, () => page.get("#send-scan").click(), said);
  }
  await in_doubt(page, /\/receipt$/, () => page.get("#confirm-receipt").click(), () => page.get("#delivery .headline [data-status=receipt-confirmed]").waitFor());
  const types = await page.get("#timeline li").evaluateAll((items) => items.map((item) => item.dataset.type));
  assert.deepEqual(types, ["ReceiptConfirmed", "DeliveryScanned", "DeliveryScanned", "PurchaseCompleted"]);

  await page.ask_quote(wanted);
  await page.get("#quote button.primary").click();
  await page.get("#bought").waitFor();
  await page.get("#timeline li").first().waitFor();
  await in_doubt(page, /\/cancellation$/, () => page.get("#cancel-purchase").click(), () => page.get("#delivery .headline [data-status=cancelled]").waitFor());
  await page.close();
}

// A refusal is a decision, too.
async function refused_in_the_end(browser, { product }) {
  const page = await Console.open(browser);
  await page.ask_quote(wanted);
  const loss = await Loss.of(page, /\/purchases$/, { done: false });
  await page.get("#quote button.primary").click();
  await loss.is_noticed();
  await post("product", `/products/${product.id}/price`, { unitPrice: { amount: 15_900, currency: "KRW" } }, "PUT");
  loss.recover();
  await page.get("#conflict").waitFor();
  await loss.end();
  await page.close();
}

async function reload(browser) {
  const page = await Console.open(browser);
  await page.ask_quote({ ...wanted, product: { typed: "fount", name: "Fountain pen" }, quantity: 1 });
  const loss = await Loss.of(page, /\/purchases$/);
  await page.get("#quote button.primary").click();
  await loss.is_noticed();
  await page.page.reload();
  const before = loss.keys.length;
  await page.get("#unsettled li:not([data-settled])").waitFor();
  await eventually("it is asked again", () => loss.keys.length > before);
  loss.recover();
  await page.get('#unsettled li[data-settled="done"] a').waitFor();
  await page.picture("settled");
  await page.get("#unsettled button").click();
  await loss.end();
  assert.equal((await purchases_of("Fountain pen")).length, 1);
  await page.page.reload(); // it is settled for good
  await page.health("up");
  assert.equal(await page.get("#unsettled li").count(), 0);
  await page.close();
}

// What the shop has forgotten would be done anew: it is not asked about any more.
async function too_old(browser) {
  const page = await Console.open(browser);
  await page.page.evaluate(() => {
    const begun = Date.now() - 24 * 3_600_000;
    const one = { key: "yesterday", service: "purchase", method: "POST", path: "/purchases", body: { quoteId: "old" }, begun };
    sessionStorage.setItem("jangbu-unsettled", JSON.stringify([one]));
  });
  const loss = await Loss.of(page, /\/purchases$/);
  await page.page.reload();
  await page.get('#unsettled li[data-settled="refused"]').waitFor();
  assert.match(await page.get("#unsettled").innerText(), /Left unsettled/);
  assert.deepEqual(loss.keys, []);
  await page.get("#unsettled button").click();
  await page.close();
}

// Who does not want to wait may leave it, and come back to it: it still happens once.
async function leave(browser) {
  const page = await Console.open(browser);
  await page.ask_quote({ ...wanted, product: { typed: "fount", name: "Fountain pen" }, quantity: 2 });
  const loss = await Loss.of(page, /\/purchases$/);
  await page.get("#quote button.primary").click();
  await loss.is_noticed();
  await loss.is_left_and_pressed_again("#buy .error", () => page.get("#quote button.primary").click());
  loss.recover();
  await page.get("#bought").waitFor();
  await loss.end();
  assert.equal((await purchases_of("Fountain pen")).filter(({ lines }) => lines[0].quantity === 2).length, 1);

  await page.get("#timeline li").first().waitFor();
  await page.get("#scan-status").selectOption("picked-up");
  const scan = await Loss.of(page, /\/scans$/);
  await page.get("#send-scan").click();
  await scan.is_noticed();
  await page.get("#delivery .headline [data-status=picked-up]").waitFor(); // it happened
  await scan.is_left_and_pressed_again("#carrier-said", async () => {
    await page.get("#scan-status").selectOption("picked-up"); // it was shown anew, and offers the next
    await page.get("#send-scan").click();
  });
  scan.recover();
  await says(page, "#carrier-said", /Recorded at/)();
  await scan.end();
  assert.equal(await page.get("#timeline li[data-type=DeliveryScanned]").count(), 1);
  await page.close();
}

const browser = await launch();
try {
  const shop = await stock_the_shop();
  await every_command(browser);
  await refused_in_the_end(browser, shop);
  await reload(browser);
  await too_old(browser);
  await leave(browser);
  console.log("All as expected.");
} finally {
  await browser.close();
}
