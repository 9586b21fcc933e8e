// The account of somebody who buys for themselves: it is shown, or opened. Takes the place of the
// search for a buyer: `chosen` is the account, or null.
import { Problem, get } from "./api.js";
import { command } from "./commands.js";
import { el, field, fill, isOutOfUse, outOfUse } from "./dom.js";
import { schemas } from "./schemas.js";
import { addressText, problemText, t } from "./text.js";

const { line, zipCode } = schemas.Address.properties;

export class OwnAccount {
  // `onOpen`: there was none before.
  constructor({ onChoose, onOpen }) {
    Object.assign(this, { onChoose, onOpen });
    this.chosen = null;
    this.draft = { name: "", line: "", zipCode: "" };
  }

  element(label) {
    this.place = el("div", { class: "own-account", id: "own-account", tabindex: "-1" });
    this.label = label;
    this.refresh();
    return this.place;
  }

  get input() {
    return this.place.querySelector("input") ?? this.place;
  }

  async refresh(position = 0) {
    try {
      const { json } = await get("account", `/accounts/me?minPosition=${position}`);
      if (json.closedAt) this.#offer();
      else this.#show(json);
    } catch (error) {
      if (error instanceof Problem && error.code === "account-not-found") return this.#offer();
      fill(this.place, el("p", { class: "error", role: "alert" }, problemText(error)), el("button", { type: "button", onclick: () => this.refresh() }, t.again));
    }
  }

  #show(account) {
    const isNew = account.version !== this.chosen?.version;
    this.chosen = account;
    fill(this.place, el("h3", {}, this.label), el("p", {}, `${account.name}, ${addressText(account.address)}`));
    if (isNew) this.onChoose(account);
  }

  // There is none yet. What is being filled in stays.
  #offer() {
    this.chosen = null;
    if (this.place.querySelector("input")) return;
    const said = el("p", { class: "error", role: "alert" });
    const input = (name, properties) =>
      el("input", { type: "text", required: true, id: `account-${name}`, ...properties, value: this.draft[name], oninput: ({ target }) => (this.draft[name] = target.value) });
    const inputs = [
      input("name", { maxlength: schemas.Name.maxLength, autocomplete: "name" }),
      input("line", { maxlength: line.maxLength, autocomplete: "street-address" }),
      input("zipCode", { maxlength: zipCode.maxLength, autocomplete: "postal-code" }),
    ];
    const labels = [t.ownAccount.name, t.ownAccount.line, t.ownAccount.zipCode];
    const open = async () => {
      if (isOutOfUse(button) || !inputs.every((one) => one.reportValidity())) return;
      const { name, ...address } = this.draft;
      fill(said);
      try {
        const { position } = await outOfUse(button, () => command("account", "POST", "/accounts", { name, address }));
        await this.refresh(position);
        this.onOpen();
      } catch (error) {
        fill(said, problemText(error));
      }
    };
    const button = el("button", { type: "button", id: "open-account", onclick: open }, t.ownAccount.open);
    fill(
      this.place,
      el("h3", {}, t.ownAccount.none),
      inputs.map((one, index) => field(labels[index], one)),
      said,
      el("div", { class: "buttons" }, button),
    );
  }
}
