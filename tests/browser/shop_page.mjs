// The console page in a browser, and the shop behind it, for the scripts that use them.
import assert from "node:assert/strict";
import { access, writeFile } from "node:fs/promises";
import { barriers, origin, picture, watch } from "./browser.mjs";

const folder = process.argv[4];
const patience_ms = 120_000; // the machine may be busy
const widths = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };

export async function post(service, path, body, method = "POST") {
  const answer = await fetch(origin(service) + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const json = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
  return json;
}

// Waits until the condition holds, with a deadline. The first value that is not false is the result.
export async function eventually(what, condition, ms = patience_ms) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

// The shop is killed and started again by whoever started the script: a file `kill` or `start` in
// FOLDER (main.cpp has more of them) asks for it, and is removed when it is done.
export async function order(word) {
  const file = `${folder}/${word}`;
  await writeFile(file, "");
  await eventually(`the shop obeys '${word}'`, () => access(file).then(() => false, () => true));
}

// The console page in a browser.
export class Console {
  // `base`: of the ports of the instance that it is loaded from. `script` runs before its own ones do.
  static async open(browser, { locale = "en-US", width = "wide", colorScheme = "light", base, script } = {}) {
    const context = await browser.newContext({ viewport: widths[width], locale, colorScheme });
    if (script) await context.addInitScript(script);
    return Console.tab(context, width, base);
  }

  // One more tab of a browser.
  static async tab(context, width = "wide", base = undefined) {
    context.setDefaultTimeout(patience_ms);
    const shown = new Console();
    shown.page = await context.newPage();
    shown.complaints = watch(shown.page);
    shown.width = width;
    await shown.page.goto(`${origin("operations", base)}/`);
    await shown.health("up");
    return shown;
  }

  get(selector) {
    return this.page.locator(selector);
  }

  async health(state) {
    await this.get(`#health-state[data-health="${state}"]`).waitFor();
  }

  async go(view) {
    await this.get(`nav a[href="#${view}"]`).click();
    await this.get(`main[data-view="${view}"]`).waitFor();
  }

  // A screenshot, of a page that nobody is kept from using.
  async picture(name) {
    await this.page.evaluate(() => scrollTo(0, 0));
    await picture(this.page, `${name}-${this.width}`, { fullPage: true });
    assert.deepEqual(await barriers(this.page), [], `barriers on ${name}, ${this.width}`);
  }

  // Types into a search field as a keyboard would, and takes what it offers for the whole name.
  async choose(index, typed, name) {
    const input = this.get("input[role=combobox]").nth(index);
    await input.fill("");
    await input.pressSequentially(typed);
    await this.get("[role=option]:visible", { hasText: name }).first().waitFor();
    await eventually(`only '${name}' is offered`, async () => {
      const offered = await this.get("[role=option]:visible .name").allInnerTexts();
      return offered.length === 1 && offered[0] === name;
    });
    await this.page.keyboard.press("ArrowDown");
    await this.page.keyboard.press("Enter");
    assert.equal(await input.inputValue(), name);
  }

  async ask_quote({ buyer, product, quantity }) {
    await this.choose(0, buyer.typed, buyer.name);
    await this.choose(1, product.typed, product.name);
    await this.get("#buy input[type=number]").first().fill(String(quantity));
    await this.get("#buy form button[type=submit]").click();
    await this.get("#quote").waitFor();
  }

  async close() {
    assert.deepEqual(this.complaints, []);
    await this.page.close();
  }
}

export async function stock_the_shop() {
  const buyer = await post("account", "/accounts", {
    name: "홍길동",
    membershipLevel: "VIP",
    address: { line: "서울특별시 종로구 세종대로 175", zipCode: "03172" },
  });
  for (const name of ["홍두깨", "Ada Lovelace"])
    await post("account", "/accounts", { name, address: { line: "12 St James's Square", zipCode: "SW1Y 4JH" } });
  const product = await post("product", "/products", {
    name: "한지 노트",
    unitPrice: { amount: 12900, currency: "KRW" },
    stock: 30,
  });
  await post("product", "/products", { name: "Fountain pen", unitPrice: { amount: 4900, currency: "EUR" }, stock: 8 });
  return { buyer, product };
}

export const wanted = {
  buyer: { typed: "홍길", name: "홍길동" },
  product: { typed: "한지", name: "한지 노트" },
  quantity: 2,
};
