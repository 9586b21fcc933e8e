// Logs in on the pages of a shop that wants to know who somebody is, at an OpenID provider, as each of
// its six people: what they are offered, what they do, what is left of their token.
//
//   node log_in.mjs CHROMIUM PORT_BASE FOLDER
//
// The provider is that of infra/provider: a person's name there is the role, and the password, too.
import assert from "node:assert/strict";
import { launch, origin, watch } from "./browser.mjs";
import { Console, eventually, order as tell_the_shop } from "./shop_page.mjs";

const product = "한지 노트";

// The page of somebody who logs in, with what must not happen to anybody: that the shop refuses what
// the page asks for by itself, and that the token is anywhere but in requests' Authorization.
class Person {
  static async arrive(browser, options) {
    const person = new Person();
    person.browser = await Console.open(browser, options);
    const { page } = person.browser;
    Object.assign(person, { page, tokens: new Set(), seen: [], refusals: [] });
    page.on("request", (request) => {
      const { authorization } = request.headers();
      if (authorization) person.tokens.add(authorization.replace("Bearer ", ""));
      person.seen.push(request.url());
    });
    page.on("response", (response) => [401, 403].includes(response.status()) && person.refusals.push(`${response.status()} ${response.url()}`));
    page.on("console", (message) => person.seen.push(message.text()));
    page.on("framenavigated", (frame) => person.seen.push(frame.url()));
    return person;
  }

  static async logged_in(browser, role, options) {
    const person = await Person.arrive(browser, options);
    await person.log_in(role);
    return person;
  }

  get(selector) {
    return this.browser.get(selector);
  }

  // The window of the provider.
  async at_the_provider(button = "#log-in [data-login]") {
    const [popup] = await Promise.all([this.page.waitForEvent("popup"), this.get(button).click()]);
    popup.on("framenavigated", (frame) => this.seen.push(frame.url()));
    popup.complaints = watch(popup);
    return popup;
  }

  async log_in(role, password = role) {
    const popup = await this.at_the_provider();
    await send_form(popup, role, password);
    await this.get("#who-name").waitFor();
    await eventually("the window is gone", () => popup.isClosed());
    assert.deepEqual(popup.complaints, []);
  }

  // What there is to choose at the top.
  tabs() {
    return this.get("nav a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  }

  async holds_its_tongue() {
    const kept = await this.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
    const cookies = JSON.stringify(await this.page.context().cookies());
    assert.ok(this.tokens.size > 0);
    for (const token of this.tokens)
      for (const place of [kept, cookies, ...this.seen]) assert.ok(!place.includes(token), `the token is in ${place.slice(0, 80)}…`);
  }

  async close() {
    await this.holds_its_tongue();
    assert.deepEqual(this.refusals, []);
    await this.browser.close();
    await this.page.context().close();
  }
}

async function send_form(popup, name, password) {
  await popup.locator("#login").fill(name);
  await popup.locator("#password").fill(password);
  await popup.locator("button").first().click();
}

const says = (person, place, what) => eventually(`${place} says ${what}`, async () => what.test(await person.get(place).innerText()));

// --- Nobody ----------------------------------------------------------------------------------------

async function nobody(browser) {
  const person = await Person.arrive(browser, { width: "narrow" });
  assert.deepEqual(await person.tabs(), []);
  await person.browser.picture("nobody");

  // A wrong password the provider sees to; who cancels is told so here.
  const popup = await person.at_the_provider();
  await send_form(popup, "clerk", "a guess");
  await popup.locator("[role=alert]").waitFor();
  await popup.locator("button[name=cancel]").click();
  await says(person, "#log-in-said", /not logged in/);
  await eventually("the window is gone", () => popup.isClosed());

  // What is no key the shop refuses.
  await person.get("#log-in summary").click();
  await person.get("#access-key").fill("jbk_nobody_0000000000000000000000000000000000000000000");
  await person.get("#log-in form button").click();
  await says(person, "#log-in form", /does not take/);
  assert.equal(person.refusals.length, 1);
  await person.browser.picture("refused");
  await person.browser.close();
  await person.page.context().close();
}

// A provider sends people back to where the page came from.
async function nowhere_to_come_back_to(browser) {
  const person = await Person.arrive(browser);
  await tell_the_shop("kill");
  await person.browser.health("lost");
  const popup = await person.at_the_provider();
  await says(person, "#log-in-said", /leads back to where this page came from/);
  await eventually("the window is gone", () => popup.isClosed());
  await tell_the_shop("start");
  await person.browser.health("up");
  await person.log_in("auditor");
  await person.close();
}

// --- Everybody does their part of a purchase --------------------------------------------------------

async function sell(browser) {
  const seller = await Person.logged_in(browser, "seller");
  assert.deepEqual(await seller.tabs(), ["#shop"]);
  assert.equal(await seller.get("#buy, #deliveries").count(), 0);
  await seller.get("#product-name").fill(product);
  await seller.get("#product-price").fill("12900");
  await seller.get("#product-stock").fill("30");
  await seller.get("#list-product").click();
  await says(seller, "#products-said", /Recorded at/);
  await seller.get("#new-price").fill("13900");
  await seller.get("#products .inline button").first().click();
  await says(seller, "#products .panel >> nth=1", /13,900/);
  return seller;
}

async function order(person, quantity) {
  await person.browser.choose(-1, product.slice(0, 2), product);
  await person.get("#buy input[type=number]").fill(String(quantity));
  await person.get("#buy form button[type=submit]").click();
  await person.get("#quote button.primary").click();
  await person.get("#bought").waitFor();
}

// A seller hands over what it has sold, and no more.
async function hand_over(seller, id) {
  await seller.get("#product-purchase").fill(id);
  await seller.get("#product-carrier").fill("CJ");
  await seller.get("#product-trackingNumber").fill("6865412345678");
  await seller.get("#hand-over").click();
  await says(seller, "#products-said", /Recorded at/);
  await seller.browser.picture("seller");
  await seller.close();
}

// For itself alone: it opens an account first.
async function buy(browser) {
  const buyer = await Person.logged_in(browser, "buyer");
  assert.deepEqual(await buyer.tabs(), ["#shop"]);
  assert.match(await buyer.get("#who").innerText(), /홍길동.*Buyer/s);
  await buyer.get("#account-name").fill("홍길동");
  await buyer.get("#account-line").fill("서울특별시 종로구 세종대로 175");
  await buyer.get("#account-zipCode").fill("03172");
  await buyer.browser.picture("buyer-new");
  await buyer.get("#open-account").click();
  await says(buyer, "#own-account", /세종대로 175/);
  await order(buyer, 2);
  await buyer.get("#timeline li[data-type=PurchaseCompleted]").waitFor();
  assert.equal(await buyer.get("#send-scan").count(), 0);
  await buyer.get("#deliveries .live.on").waitFor();
  await buyer.browser.picture("buyer");
  return buyer;
}

// For everybody; and the buyer's page, which stays open, sees it.
async function serve(browser, buyer, seller) {
  const clerk = await Person.logged_in(browser, "clerk");
  assert.deepEqual(await clerk.tabs(), ["#shop"]);
  assert.match(await clerk.get("#who").innerText(), /정약용.*Clerk/s);
  await clerk.get("#deliveries .live.on").waitFor();
  await clerk.browser.choose(0, "홍길", "홍길동");
  await order(clerk, 1);
  await eventually("both purchases are on their way", async () => (await clerk.get("#deliveries .row").count()) === 2);
  await eventually("the buyer sees both", async () => (await buyer.get("#deliveries .row").count()) === 2);

  await hand_over(seller, await clerk.get("#deliveries .row").first().getAttribute("data-delivery"));
  for (const person of [clerk, buyer]) await person.get("#deliveries [data-status=label-created]").waitFor();
  await clerk.browser.picture("clerk");
  return clerk;
}

// Those of its own code, in its own name.
async function carry(browser, buyer) {
  const carrier = await Person.logged_in(browser, "carrier", { width: "narrow", colorScheme: "dark" });
  await eventually("it has one delivery", async () => (await carrier.get("#deliveries .row").count()) === 1);
  await carrier.get("#deliveries .row").click();
  assert.equal(await carrier.get("#scan-carrier").inputValue(), "CJ");
  assert.equal(await carrier.get("#buy, #confirm-receipt").count(), 0);
  await carrier.get("#scan-status").selectOption("picked-up");
  await carrier.get("#send-scan").click();
  await buyer.get("#deliveries [data-status=picked-up]").waitFor();
  await carrier.get("#delivery .headline [data-status=picked-up]").waitFor();
  await carrier.browser.picture("carrier");
  await carrier.close();
}

async function look_on(browser) {
  const auditor = await Person.logged_in(browser, "auditor");
  assert.deepEqual(await auditor.tabs(), ["#shop", "#log", "#operations"]);
  await auditor.get("#deliveries .row").first().click();
  await auditor.get("#timeline li").first().waitFor();
  assert.equal(await auditor.get("#buy, #send-scan, #confirm-receipt").count(), 0);
  await auditor.browser.picture("auditor-shop");
  await auditor.get("#timeline li a").first().click();
  await auditor.get("#cloud-event").waitFor();
  await auditor.get("h2 .live.on").waitFor();
  await auditor.browser.picture("auditor-log");
  await auditor.browser.go("operations");
  await auditor.get("#read-models tr[data-model]").first().waitFor();
  assert.equal(await auditor.get("[data-rebuild]").count(), 0);
  await auditor.close();

  const operator = await Person.logged_in(browser, "operator", { locale: "ko-KR" });
  assert.deepEqual(await operator.tabs(), ["#operations"]);
  await operator.get("[data-rebuild]").first().waitFor();
  await operator.browser.picture("operator");
  await operator.close();
}

// --- When a log-in ends ------------------------------------------------------------------------------

async function run_out(browser) {
  const clerk = await Person.arrive(browser);
  const { clock } = clerk.page;
  await clock.install();
  const begun = Date.now() + 60_000;
  await clock.pauseAt(begun);
  await clerk.log_in("clerk");
  await clock.resume();
  await clerk.get("#deliveries .row").first().click();
  await clerk.get("#timeline li").first().waitFor();
  await clerk.get("#buy input[type=number]").fill("7");

  // The provider's tokens are good for a quarter of an hour.
  await clock.pauseAt(begun + 14.5 * 60_000);
  await clerk.get("#who.ending").waitFor();
  await clock.fastForward(60_000);
  await clerk.get("#who.ended").waitFor();
  await says(clerk, "#who", /has ended/);
  await clock.resume();
  await clerk.browser.picture("ended");
  const { length } = clerk.seen;
  await eventually("some seconds have passed", () => clerk.seen.length >= length + 4);
  assert.ok(clerk.seen.slice(length).every((url) => url.endsWith("/health/ready")), "without a token nothing else is asked");

  // The provider still knows who that is. What was filled in is there, and what moves moves.
  await clerk.at_the_provider("#who [data-login]");
  await clerk.get("#who.in").waitFor();
  assert.equal(await clerk.get("#buy input[type=number]").inputValue(), "7");
  assert.ok((await clerk.get("#timeline li").count()) > 0);
  await clerk.get("#deliveries .live.on").waitFor();
  assert.equal(clerk.tokens.size, 2);

  // A token that the shop does not take any more ends it, too.
  await clerk.page.route("**/search/**", (route) =>
    route.fulfill({
      status: 401,
      contentType: "application/problem+json",
      headers: { "Access-Control-Allow-Origin": "*" },
      body: JSON.stringify({ type: "/problems/unauthorized", title: "Unauthorized", status: 401, code: "unauthorized", detail: "" }),
    }),
  );
  await clerk.get("input[role=combobox]").first().pressSequentially("홍");
  await clerk.get("#who.ended").waitFor();
  assert.equal(clerk.refusals.splice(0).length, 1);
  await clerk.close();
}

// Who logs out leaves nothing to the next one.
async function leave(clerk) {
  await clerk.get("#log-out").click();
  await clerk.get("#log-in a[target=_blank]").waitFor();
  assert.deepEqual(await clerk.tabs(), []);
  assert.equal(await clerk.get("#deliveries, #bought").count(), 0);
  assert.equal(new URL(clerk.page.url()).hash, "");
  await clerk.browser.picture("logged-out");
  await clerk.page.reload();
  await clerk.browser.health("up");
  await clerk.get("#log-in").waitFor();
  await clerk.close();
}

// --- Swagger UI --------------------------------------------------------------------------------------

async function try_out(page, operation) {
  const block = page.locator(`.opblock[id$="-${operation}"]`);
  await block.locator(".opblock-summary-control").click();
  await block.locator(".try-out__btn").click();
  await block.locator(".btn.execute").click();
  const status = block.locator(".live-responses-table .response .response-col_status").first();
  await eventually("the shop answers", async () => (await status.innerText()).startsWith("200"));
}

async function authorize(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 }, locale: "en-US" });
  const page = await context.newPage();
  const complaints = watch(page);
  await page.goto(`${origin("account")}/swagger-ui/`);
  await page.locator(".btn.authorize").click();
  const dialog = page.locator(".auth-container", { hasText: "authorization_code" }).first();
  await dialog.waitFor();
  await page.screenshot({ path: `${process.argv[4]}/swagger-authorize.png`, caret: "initial" });
  const [popup] = await Promise.all([page.waitForEvent("popup"), dialog.locator("button.authorize").click()]);
  await send_form(popup, "clerk", "clerk");
  await dialog.locator("button", { hasText: "Logout" }).waitFor();
  await page.locator(".close-modal").click();
  await try_out(page, "listAccounts");
  assert.deepEqual(complaints, []);
  await context.close();
}

const browser = await launch();
try {
  await nobody(browser);
  await nowhere_to_come_back_to(browser);
  const seller = await sell(browser);
  const buyer = await buy(browser);
  const clerk = await serve(browser, buyer, seller);
  await carry(browser, buyer);
  await buyer.close();
  await leave(clerk);
  await look_on(browser);
  await run_out(browser);
  await authorize(browser);
  console.log(`All as expected. Screenshots: ${process.argv[4]}`);
} finally {
  await browser.close();
}
