// A seller's part: listing a product, the price and the stock of one that there is, and handing a parcel
// over, after which its carrier reports.
import { Combobox } from "./combobox.js";
import { command } from "./commands.js";
import { el, field, fill, isOutOfUse, outOfUse } from "./dom.js";
import { schemas } from "./schemas.js";
import { minorDigits, money, problemText, t } from "./text.js";

const { carrier, trackingNumber } = schemas.NewScan.properties;
const currencies = ["KRW", "EUR", "USD", "JPY"];

const priceOf = (text, currency) => ({ amount: Math.round(Number(text) * 10 ** minorDigits(currency)), currency });

export class Products {
  // `search(text, signal)` finds products.
  constructor(search) {
    this.draft = { name: "", price: "", currency: currencies[0], stock: "1", purchase: "", carrier: "", trackingNumber: "" };
    this.product = new Combobox({
      search,
      describe: (product) => ({ name: product.name, detail: `${money(product.unitPrice)} · ${t.inStock(product.stock)}` }),
      onChoose: (product) => this.#choose(product),
      empty: () => t.ownProducts.none,
    });
  }

  element() {
    this.said = el("p", { role: "status", id: "products-said" });
    this.chosen = el("div", {});
    const input = (name, properties) =>
      el("input", { required: true, id: `product-${name}`, ...properties, value: this.draft[name], oninput: ({ target }) => (this.draft[name] = target.value) });
    const currency = el(
      "select",
      { id: "product-currency", onchange: () => (this.draft.currency = currency.value) },
      currencies.map((one) => el("option", { value: one }, one)),
    );
    currency.value = this.draft.currency;
    const button = el("button", { type: "submit", class: "primary", id: "list-product" }, t.ownProducts.list);
    const list = (event) => {
      event.preventDefault();
      const { name, price, stock } = this.draft;
      this.#change(button, "POST", "/products", { name, unitPrice: priceOf(price, currency.value), stock: Number(stock) });
    };
    const handOver = el("button", { type: "submit", id: "hand-over" }, t.ownProducts.handOver);
    const report = (event) => {
      event.preventDefault();
      const { purchase, carrier, trackingNumber } = this.draft;
      const scan = { carrier, trackingNumber, status: "label-created", occurredAt: new Date().toISOString() };
      this.#do(handOver, "delivery", "POST", `/deliveries/${purchase.trim()}/scans`, scan);
    };
    const element = el(
      "section",
      { class: "card", id: "products" },
      el("h2", {}, t.ownProducts.title),
      el(
        "form",
        { class: "panel", onsubmit: list },
        el("h3", {}, t.ownProducts.listOne),
        field(t.product, input("name", { type: "text", maxlength: schemas.Name.maxLength })),
        el(
          "div",
          { class: "grid" },
          field(t.ownProducts.price, input("price", { type: "number", min: "0", step: "any" })),
          field(t.ownProducts.currency, currency),
          field(t.ownProducts.stock, input("stock", { type: "number", min: "0", max: String(schemas.NewStock.maximum), step: "1" })),
        ),
        el("div", { class: "buttons" }, button),
      ),
      this.product.element(t.ownProducts.change, t.ownProducts.changeWhat),
      this.chosen,
      el(
        "form",
        { class: "panel", onsubmit: report },
        el("h3", {}, t.ownProducts.parcel),
        field(t.ownProducts.purchase, input("purchase", { type: "text", pattern: "\\s*[0-9a-f\\-]{36}\\s*", placeholder: "0199f3a2-…" })),
        el(
          "div",
          { class: "grid" },
          field(t.carrier, input("carrier", { type: "text", maxlength: carrier.maxLength })),
          field(t.trackingNumber, input("trackingNumber", { type: "text", maxlength: trackingNumber.maxLength })),
        ),
        el("div", { class: "buttons" }, handOver),
      ),
      this.said,
    );
    if (this.product.chosen) this.#choose(this.product.chosen);
    return element;
  }

  #choose(product) {
    if (product === null) return fill(this.chosen);
    const { currency } = product.unitPrice;
    const digits = minorDigits(currency);
    const price = el("input", { type: "number", id: "new-price", min: "0", step: String(1 / 10 ** digits), required: true });
    const received = el("input", { type: "number", id: "received", min: "1", max: String(schemas.StockChange.properties.change.maximum), step: "1", required: true });
    const line = (label, input, text, path, method, body) => {
      const press = ({ currentTarget }) => input.reportValidity() && this.#change(currentTarget, method, `/products/${product.id}${path}`, body());
      return el("div", { class: "inline" }, field(label, input), el("button", { type: "button", onclick: press }, text));
    };
    fill(
      this.chosen,
      el(
        "div",
        { class: "panel" },
        el("p", {}, el("b", {}, product.name), ` ${money(product.unitPrice)} · ${t.inStock(product.stock)}`),
        line(`${t.newPrice} (${currency})`, price, t.changePrice, "/price", "PUT", () => ({ unitPrice: priceOf(price.value, currency) })),
        line(t.ownProducts.received, received, t.ownProducts.receive, "/stock", "POST", () => ({ change: Number(received.value) })),
      ),
    );
  }

  async #change(button, method, path, body) {
    const product = await this.#do(button, "product", method, path, body);
    if (product) this.product.choose(product);
  }

  async #do(button, service, method, path, body) {
    if (isOutOfUse(button)) return null;
    try {
      const { json, position } = await outOfUse(button, () => command(service, method, path, body));
      this.said.className = "hint";
      fill(this.said, t.recordedAt(position));
      return json;
    } catch (error) {
      this.said.className = "error";
      fill(this.said, problemText(error));
      return null;
    }
  }
}
