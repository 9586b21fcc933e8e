// The buyer's side: who, what, how many; the quote; and what became of it. Beside it a seller's products
// and the deliveries, for whoever may see them.
import { OwnAccount } from "./account.js";
import { Problem, get, newKey, send } from "./api.js";
import { actsForAll, has, may } from "./asker.js";
import { Combobox } from "./combobox.js";
import { command } from "./commands.js";
import { Deliveries } from "./deliveries.js";
import { el, field, fill, isOutOfUse, outOfUse } from "./dom.js";
import { Products } from "./products.js";
import { schemas } from "./schemas.js";
import { addressText, minorDigits, money, number, problemText, t } from "./text.js";

const mostFound = 8;
const mostQuantity = schemas.Quantity.maximum;

// After these the same thing can be had with a quote of today.
const mendedByFreshQuote = new Set(["price-changed", "address-changed", "quote-expired", "quote-invalid"]);

async function find(service, path, text, signal) {
  const query = new URLSearchParams({ name: text, limit: String(mostFound) });
  const { json } = await get(service, `${path}/search/findByNameStartingWith?${query}`, { signal });
  return { items: json.items, more: json.next !== null };
}

export class Shop {
  constructor() {
    const search = (text, signal) => find("product", "/products", text, signal);
    this.deliveries = may("listDeliveries") ? new Deliveries() : null;
    this.products = has("seller") ? new Products(search) : null;
    this.quantity = "1";
    this.stage = { name: "form" };
    this.edits = 0;
    const onChoose = () => this.#changed();
    this.buyer = actsForAll()
      ? new Combobox({
          search: (text, signal) => find("account", "/accounts", text, signal),
          describe: (account) => ({
            name: account.name,
            detail: [account.membershipLevel, account.address.line].filter(Boolean).join(" · "),
          }),
          onChoose,
          empty: () => t.noBuyer,
        })
      : new OwnAccount({ onChoose, onOpen: () => this.deliveries?.hearAnew() });
    this.product = new Combobox({
      search,
      describe: (product) => ({
        name: product.name,
        detail: `${money(product.unitPrice)} · ${product.stock === 0 ? t.soldOut : t.inStock(product.stock)}`,
      }),
      onChoose,
      empty: () => t.noProduct,
    });
  }

  mount(root, route) {
    fill(
      root,
      el(
        "div",
        { class: "columns" },
        may("requestQuote") && this.#buy(),
        this.products?.element(),
        this.deliveries?.element(route),
      ),
    );
    this.#render();
  }

  #buy() {
    this.below = el("div", { "aria-live": "polite" });
    this.quantityInput = el("input", {
      type: "number",
      inputmode: "numeric",
      min: "1",
      max: String(mostQuantity),
      step: "1",
      value: this.quantity,
      oninput: () => {
        this.quantity = this.quantityInput.value;
        this.#changed();
      },
    });
    this.complaint = el("p", { class: "error", role: "alert" });
    this.askButton = el("button", { type: "submit", class: "primary" }, t.askQuote);
    const form = el(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          this.#ask();
        },
      },
      this.buyer.element(t.buyer, t.buyerHint),
      this.product.element(t.product, t.productHint),
      field(t.quantity, this.quantityInput),
      this.complaint,
      this.askButton,
    );
    return el("section", { class: "card", id: "buy" }, el("h2", {}, t.buy), form, this.below);
  }

  // The shop answers again: what could not be shown is asked for again.
  resume() {
    this.deliveries?.resume();
    if (this.below) this.buyer.refresh?.();
  }

  unmount() {
    clearInterval(this.countdown);
    this.below = null;
    this.deliveries?.close();
  }

  // What was quoted is not what the form says any more. What is being confirmed stays until it is
  // known what became of it.
  #changed() {
    ++this.edits;
    if (this.busy && this.stage.name === "quote") return;
    this.complaint?.replaceChildren();
    if (["quote", "conflict", "bought"].includes(this.stage.name)) this.#go({ name: "form" });
  }

  #go(stage) {
    this.stage = stage;
    this.#render();
  }

  // --- The quote ---------------------------------------------------------------------------------

  #order() {
    if (!this.buyer.chosen) return this.#complain(actsForAll() ? t.chooseBuyer : t.ownAccount.openFirst, this.buyer.input);
    if (!this.product.chosen) return this.#complain(t.chooseProduct, this.product.input);
    const quantity = Number(this.quantity);
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > mostQuantity)
      return this.#complain(t.chooseQuantity(mostQuantity), this.quantityInput);
    return { ...(actsForAll() && { buyerId: this.buyer.chosen.id }), productId: this.product.chosen.id, quantity };
  }

  #complain(text, input) {
    fill(this.complaint, text);
    input.focus();
    return null;
  }

  async #ask(button = this.askButton) {
    const order = this.#order();
    if (!order || this.busy) return;
    fill(this.complaint);
    const { edits } = this;
    await this.#while(button, t.asking, async () => {
      try {
        const { json } = await send("purchase", "POST", "/quotes", order);
        if (this.edits !== edits) return; // nobody wants that any more
        // One key a quote: however often it is confirmed, it is bought once.
        this.#go({ name: "quote", quote: json, key: newKey() });
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  async #confirm() {
    const { quote, key } = this.stage;
    if (this.busy) return;
    await this.#while(this.confirmButton, t.confirming, async () => {
      try {
        const answer = await command("purchase", "POST", "/purchases", { quoteId: quote.quoteId }, {
          key,
          onUncertain: (tries) => fill(this.complaint, t.uncertain(tries)),
        });
        fill(this.complaint);
        this.#go({ name: "bought", ...answer });
        this.deliveries?.choose(answer.json.id, answer.position);
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  // Unless the shop has said no, a quote stays: under its key it can be confirmed again.
  #refused(error) {
    if (error instanceof Problem && (error.code in t.conflicts || mendedByFreshQuote.has(error.code))) {
      fill(this.complaint);
      return this.#go({ name: "conflict", error });
    }
    fill(this.complaint, problemText(error));
  }

  async #while(button, label, work) {
    this.busy = true;
    const before = button.textContent;
    button.textContent = label;
    try {
      await outOfUse(button, work);
    } finally {
      this.busy = false;
      button.textContent = before;
    }
  }

  // --- What is below the form --------------------------------------------------------------------

  #render() {
    clearInterval(this.countdown);
    if (!this.below) return; // it is shown when somebody comes back
    const parts = {
      form: () => [],
      quote: () => this.#quote(),
      conflict: () => this.#conflict(),
      bought: () => this.#bought(),
    };
    fill(this.below, parts[this.stage.name]());
    this.askButton.classList.toggle("primary", this.stage.name !== "quote");
  }

  #quote() {
    const { quote } = this.stage;
    const lifeMs = 15 * 60_000; // of a quote
    const left = el("progress", { max: String(lifeMs), "aria-label": t.quote });
    const leftText = el("span", { class: "countdown", "aria-live": "off" });
    this.confirmButton = el("button", { type: "button", class: "primary", onclick: () => this.#confirm() }, t.confirm);
    const tick = () => {
      const ms = new Date(quote.expiresAt) - Date.now();
      left.value = Math.max(ms, 0);
      const seconds = Math.max(Math.ceil(ms / 1_000), 0);
      leftText.textContent =
        ms > 0 ? t.goodFor(`${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`) : t.expired;
      if (ms <= 0) {
        clearInterval(this.countdown);
        this.confirmButton.replaceWith(this.#freshQuoteButton());
      }
    };
    const element = el(
      "div",
      { class: "quote", id: "quote" },
      el("h3", {}, t.quote),
      el("p", { class: "hint" }, t.quoteWhat),
      el(
        "dl",
        {},
        el("dt", {}, t.shipsTo),
        el("dd", {}, `${quote.buyer.name}, ${addressText(quote.buyer.address)}`),
        quote.lines.flatMap((line) => [
          el("dt", {}, line.product),
          el("dd", { class: "sum" }, `${number(line.quantity)} × ${money(line.unitPrice)}`, el("b", {}, money(line.total))),
        ]),
        el("dt", { class: "total" }, t.total),
        el("dd", { class: "total sum" }, el("b", { id: "quote-total" }, money(quote.total))),
      ),
      el("p", { class: "life" }, left, leftText),
      el(
        "div",
        { class: "buttons" },
        this.confirmButton,
        el("button", { type: "button", onclick: () => this.#go({ name: "form" }) }, t.discard),
      ),
      may("changeAddress") && this.#provoke(quote),
    );
    this.countdown = setInterval(tick, 500);
    tick();
    return element;
  }

  #freshQuoteButton() {
    return el("button", { type: "button", class: "primary", id: "fresh-quote", onclick: (event) => this.#ask(event.currentTarget) }, t.freshQuote);
  }

  // What a refusal means, with what would help. It is no error: it is the shop keeping its word.
  #conflict() {
    const { error } = this.stage;
    const { expected, actual, available } = error.json;
    const say = error.code === "address-changed" ? addressText : money;
    const values = ["price-changed", "address-changed"].includes(error.code);
    return el(
      "div",
      { class: "conflict", id: "conflict" },
      el("h3", {}, problemText(error)),
      values &&
        el(
          "dl",
          {},
          el("dt", {}, t.was),
          el("dd", {}, el("del", { id: "was" }, say(expected))),
          el("dt", {}, t.is),
          el("dd", {}, el("ins", { id: "is" }, say(actual))),
        ),
      el("p", { class: "hint" }, t.nothingBought(error.position), el("span", { class: "code" }, `${error.status} ${error.code}`)),
      el(
        "div",
        { class: "buttons" },
        mendedByFreshQuote.has(error.code) && this.#freshQuoteButton(),
        error.code === "insufficient-stock" &&
          available > 0 &&
          el("button", { type: "button", class: "primary", onclick: (event) => this.#askFor(available, event.currentTarget) }, t.takeWhatThereIs(available)),
      ),
    );
  }

  #askFor(quantity, button) {
    this.quantity = String(quantity);
    this.quantityInput.value = this.quantity;
    this.#ask(button);
  }

  #bought() {
    const { json, position, ms } = this.stage;
    return el(
      "div",
      { class: "bought", id: "bought" },
      el("h3", {}, `${t.bought}: ${money(json.total)}`),
      el("p", {}, t.boughtWhat(position, ms)),
      el(
        "div",
        { class: "buttons" },
        may("listEvents") && el("a", { class: "button", href: `#log/${json.version}` }, t.seeEvent),
        this.deliveries && el("button", { type: "button", onclick: () => this.deliveries.choose(json.id, position, true) }, t.seeDelivery),
      ),
    );
  }

  // What makes a 409 to look at: somebody changes price or address while the quote is open.
  #provoke(quote) {
    const [line] = quote.lines;
    const said = el("p", { class: "hint", role: "status" });
    const digits = minorDigits(line.unitPrice.currency);
    // What is typed there stays when the language changes.
    const draft = (this.stage.draft ??= {
      open: false,
      price: (Math.round(line.unitPrice.amount * 1.1) / 10 ** digits).toFixed(digits),
      address: "부산광역시 해운대구 우동 1411",
    });
    const input = (name, properties) =>
      el("input", { ...properties, required: true, value: draft[name], oninput: (event) => (draft[name] = event.target.value) });
    const price = input("price", { type: "number", min: "0", step: String(1 / 10 ** digits) });
    const address = input("address", { type: "text", maxlength: schemas.Address.properties.line.maxLength });
    const change = async (button, input, service, method, path, body) => {
      if (isOutOfUse(button) || !input.reportValidity()) return;
      try {
        const answer = await outOfUse(button, () => command(service, method, path, body));
        said.className = "hint";
        // Its version is where it was recorded: earlier, where this has changed nothing.
        const recorded = answer.json.version.startsWith(`${answer.position}.`);
        fill(said, recorded ? t.recordedAt(answer.position) : t.unchanged);
      } catch (error) {
        said.className = "error";
        fill(said, problemText(error));
      }
    };
    return el(
      "details",
      { class: "provoke", open: draft.open, ontoggle: (event) => (draft.open = event.target.open) },
      el("summary", {}, t.provoke),
      el("p", { class: "hint" }, t.provokeWhat),
      may("changePrice") && el(
        "div",
        { class: "inline" },
        field(`${t.newPrice} (${line.unitPrice.currency})`, price),
        el(
          "button",
          {
            type: "button",
            id: "change-price",
            onclick: ({ currentTarget }) =>
              change(currentTarget, price, "product", "PUT", `/products/${line.productId}/price`, {
                unitPrice: { amount: Math.round(Number(price.value) * 10 ** digits), currency: line.unitPrice.currency },
              }),
          },
          t.changePrice,
        ),
      ),
      el(
        "div",
        { class: "inline" },
        field(t.newAddress, address),
        el(
          "button",
          {
            type: "button",
            id: "change-address",
            onclick: ({ currentTarget }) =>
              change(currentTarget, address, "account", "PUT", `/accounts/${quote.buyer.id}/address`, {
                line: address.value,
                zipCode: quote.buyer.address.zipCode,
              }),
          },
          t.changeAddress,
        ),
      ),
      said,
    );
  }
}
