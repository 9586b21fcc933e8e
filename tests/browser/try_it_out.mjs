// Does what a person does on the Swagger UI of each service: opens an operation, tries it out, and
// reads the answer on the page. One purchase from the account to the receipt.
//
//   node try_it_out.mjs CHROMIUM PORT_BASE FOLDER
//
// Screenshots go to FOLDER. It fails with what was not as expected; anything that the browser
// complains of, and any request to somewhere else, is not.
import assert from "node:assert/strict";
import { launch, origin, picture, watch } from "./browser.mjs";

const folder = process.argv[4];

// A Swagger UI page in the browser.
class Page {
  constructor(page, service) {
    this.page = page;
    this.service = service;
    this.complaints = watch(page);
  }

  static async open(browser, service) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
    const page = new Page(await context.newPage(), service);
    await page.page.goto(`${origin(service)}/swagger-ui/`);
    await page.page.locator(".opblock").first().waitFor();
    return page;
  }

  // Chooses the document of another service.
  async choose(service) {
    await this.page.locator("#select").selectOption(`${origin(service)}/openapi.json`);
    await this.page.locator(".opblock").first().waitFor();
  }

  // Tries an operation out, and gives the status and the JSON that the page shows.
  async try_out(operation, { parameters = {}, body } = {}) {
    const block = this.page.locator(`.opblock[id$="-${operation}"]`);
    await block.waitFor();
    // "Try it out", and "Cancel" once it is being tried out.
    const button = block.locator(".try-out__btn:not(.reset)");
    if (!(await button.isVisible())) await block.locator(".opblock-summary-control").click();
    const cancel = block.locator(".try-out__btn.cancel");
    await button.waitFor();
    if (!(await cancel.isVisible())) await button.click();
    for (const [name, value] of Object.entries(parameters)) {
      const row = block.locator(`tr[data-param-name="${name}"]`);
      const choice = row.locator("select");
      if (await choice.count()) await choice.selectOption(value);
      else await row.locator("input").fill(String(value));
    }
    if (body !== undefined)
      await block.locator("textarea.body-param__text").fill(JSON.stringify(body, null, 2));
    await block.locator(".btn.execute").click();
    const answer = block.locator(".live-responses-table .response").first();
    await answer.waitFor();
    await block.locator(".loading-container").waitFor({ state: "detached" });
    const status = Number((await answer.locator(".response-col_status").innerText()).trim());
    const text = await answer.locator(".highlight-code code").first().innerText();
    const headers = await answer.locator(".headers-line, .response-col_description pre").allInnerTexts();
    return { block, status, json: JSON.parse(text), headers: headers.join("\n") };
  }

  async picture(name, locator) {
    if (locator) await locator.scrollIntoViewIfNeeded();
    await picture(locator ?? this.page, name);
  }

  async close() {
    assert.deepEqual(this.complaints, [], `on the page of ${this.service}`);
    await this.page.context().close();
  }
}

const position_of = (answer) => Number(/event-position:\s*(\d+)/.exec(answer.headers)[1]);

async function the_shop_is_up(browser) {
  const page = await Page.open(browser, "operations");
  const ready = await page.try_out("getReadiness");
  assert.equal(ready.status, 200);
  assert.equal(ready.json.status, "up");
  await page.picture("operations", ready.block);
  await page.close();
}

async function open_account(browser) {
  const page = await Page.open(browser, "account");
  await page.picture("account");
  assert.equal(await page.page.title(), "Jangbu accounts");
  const name = "홍길동";
  const address = { line: "서울특별시 종로구 세종대로 175", zipCode: "03172" };
  const opened = await page.try_out("openAccount", { body: { name, address } });
  assert.equal(opened.status, 201);
  assert.equal(opened.json.name, name);
  assert.deepEqual(opened.json.address, address);
  await page.picture("account-opened", opened.block);

  const again = await page.try_out("openAccount", { body: { name, address } });
  assert.equal(again.status, 409);
  assert.equal(again.json.code, "account-name-taken");
  await page.picture("account-refused", again.block);

  const found = await page.try_out("findAccountByName", {
    parameters: { name, minPosition: position_of(opened) },
  });
  assert.equal(found.status, 200);
  assert.equal(found.json.id, opened.json.id);
  await page.picture("account-found", found.block);
  await page.close();
  return opened.json;
}

async function list_product(browser) {
  const page = await Page.open(browser, "product");
  await page.picture("product");
  // The example that the page offers is as good as any.
  const listed = await page.try_out("listProduct");
  assert.equal(listed.status, 201);
  assert.equal(listed.json.name, "한지 노트");
  assert.deepEqual(listed.json.unitPrice, { amount: 12900, currency: "KRW" });
  await page.picture("product-listed", listed.block);
  await page.close();
  return listed.json;
}

async function buy(browser, account, product) {
  const page = await Page.open(browser, "purchase");
  await page.picture("purchase");
  const asked = { buyer: account.name, product: product.name, quantity: 2 };
  const quote = await page.try_out("requestQuote", { body: asked });
  assert.equal(quote.status, 200);
  assert.deepEqual(quote.json.total, { amount: 25800, currency: "KRW" });
  assert.deepEqual(quote.json.buyer.address, account.address);
  await page.picture("quote", quote.block);

  const confirmed = await page.try_out("purchase", {
    parameters: { "Idempotency-Key": "try-it-out-1" },
    body: { quoteId: quote.json.quoteId },
  });
  assert.equal(confirmed.status, 201);
  assert.deepEqual(confirmed.json.total, { amount: 25800, currency: "KRW" });
  await page.picture("purchased", confirmed.block);
  await page.close();
  return { ...confirmed.json, position: position_of(confirmed) };
}

async function deliver(browser, purchase) {
  const page = await Page.open(browser, "delivery");
  await page.picture("delivery");
  const id = purchase.id;
  const opened = await page.try_out("getDelivery", {
    parameters: { id, minPosition: purchase.position },
  });
  assert.equal(opened.status, 200);
  assert.equal(opened.json.status, "preparing");
  assert.equal(opened.json.recipient, "홍길동");
  await page.picture("delivery-opened", opened.block);

  for (const [status, occurredAt] of [
    ["picked-up", "2026-03-02T02:15:00Z"],
    ["delivered", "2026-03-03T05:10:00Z"],
  ]) {
    const scan = { carrier: "우체국택배", trackingNumber: "6865412345678", status, occurredAt };
    const scanned = await page.try_out("recordScan", { parameters: { id }, body: scan });
    assert.equal(scanned.status, 200);
    assert.equal(scanned.json.status, status);
    await page.picture(`delivery-${status}`, scanned.block);
  }

  const received = await page.try_out("confirmReceipt", { parameters: { id } });
  assert.equal(received.status, 200);
  assert.equal(received.json.status, "receipt-confirmed");
  await page.picture("delivery-received", received.block);

  const left = await page.try_out("listDeliveries", {
    parameters: { minPosition: position_of(received) },
  });
  assert.equal(left.status, 200);
  assert.deepEqual(left.json.items, []);
  const history = await page.try_out("getDeliveryHistory", {
    parameters: { id, minPosition: position_of(received) },
  });
  assert.deepEqual(
    history.json.items.map(({ type }) => type),
    ["PurchaseCompleted", "DeliveryScanned", "DeliveryScanned", "ReceiptConfirmed"],
  );
  await page.picture("delivery-history", history.block);
  await page.close();
}

// From the page of any service the others can be tried out, too.
async function from_one_page(browser, account) {
  const page = await Page.open(browser, "account");
  for (const [service, operation] of [
    ["product", "listProducts"],
    ["purchase", "listPurchases"],
    ["delivery", "listDeliveries"],
    ["operations", "listProjections"],
  ]) {
    await page.choose(service);
    const listed = await page.try_out(operation);
    assert.equal(listed.status, 200, `${operation} from the page of account`);
    await page.picture(`account-page-${service}`, listed.block);
  }
  await page.choose("product");
  const refused = await page.try_out("changeStock", {
    parameters: { id: account.id },
    body: { change: 1 },
  });
  assert.equal(refused.status, 404);
  assert.equal(refused.json.code, "product-not-found");
  await page.close();
}

const browser = await launch();
try {
  await the_shop_is_up(browser);
  const account = await open_account(browser);
  const product = await list_product(browser);
  const purchase = await buy(browser, account, product);
  await deliver(browser, purchase);
  await from_one_page(browser, account);
  console.log(`All as expected. Screenshots: ${folder}`);
} finally {
  await browser.close();
}
