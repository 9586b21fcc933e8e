// A text field that offers what the server finds for the text, to be chosen with keys or pointer:
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
//
// Korean is composed of several keys a syllable; the server understands unfinished syllables, so
// every key searches. While a syllable is being composed Enter belongs to the keyboard, and what
// was found before stays when nothing fits the half syllable.
import { el, field, fill, newId, say } from "./dom.js";
import { problemText, t } from "./text.js";

const waitMs = 120;

export class Combobox {
  // `search(text, signal)` gives { items, more }; `describe(item)` an item's { name, detail };
  // `onChoose` is told the item, or null when the text was changed since.
  constructor({ search, describe, onChoose, empty }) {
    Object.assign(this, { search, describe, onChoose, empty });
    this.chosen = null;
    this.text = "";
  }

  element(label, hint) {
    const listId = newId("options");
    this.input = el("input", {
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": listId,
      value: this.text,
      oninput: () => this.#typed(),
      onfocus: () => this.#typed(),
      oncompositionend: () => {
        this.composing = false;
        this.#typed();
      },
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#hide(),
    });
    this.said = el("p", { class: "unseen", role: "status" });
    this.list = el("ul", { id: listId, role: "listbox", "aria-label": label, class: "options", hidden: true });
    // The list must not take the focus from the field when it is pressed.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    const element = field(label, this.input, hint);
    const box = el("div", { class: "combobox" });
    this.input.before(box);
    box.append(this.input, this.list, this.said);
    return element;
  }

  choose(item) {
    this.chosen = item;
    this.text = this.describe(item).name;
    if (this.input) this.input.value = this.text;
    this.#hide();
    this.onChoose(item);
  }

  #typed() {
    if (this.chosen && this.input.value !== this.text) {
      this.chosen = null;
      this.onChoose(null);
    }
    this.text = this.input.value;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#ask(), waitMs);
  }

  async #ask() {
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    try {
      // What is chosen is one of many again when somebody comes back to the field.
      const { chosen, text } = this;
      const { items, more } = await this.search(chosen ? "" : text.trim(), signal);
      if (items.length === 0 && this.composing && this.items?.length > 0) return;
      this.#show(items, more);
      this.found = chosen ? null : text; // for this text
    } catch (error) {
      if (error.name !== "AbortError") this.#say(problemText(error), "error");
    }
  }

  #show(items, more) {
    if (document.activeElement !== this.input) return;
    this.items = items;
    this.active = -1;
    if (items.length === 0) return this.#say(this.empty());
    fill(this.said);
    fill(
      this.list,
      items.map((item, index) => {
        const { name, detail } = this.describe(item);
        return el(
          "li",
          { role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false", onclick: () => this.choose(item) },
          el("span", { class: "name" }, name),
          el("span", { class: "detail" }, detail),
        );
      }),
      more && el("li", { class: "hint", role: "presentation" }, t.more(items.length)),
    );
    this.#open(true);
  }

  #say(text, kind = "hint") {
    this.items = [];
    fill(this.list, el("li", { class: kind, role: "presentation" }, text));
    say(this.said, text); // a list of options is not read out until it has the focus
    this.#open(true);
  }

  #hide() {
    clearTimeout(this.timer);
    this.asked?.abort();
    if (!this.list) return;
    fill(this.said);
    this.#open(false);
  }

  #open(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (!open) this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    this.composing = event.isComposing;
    if (event.isComposing) return;
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" && !open) return this.#ask();
    if (event.key === "Escape" && open) {
      event.preventDefault();
      return this.#hide();
    }
    if (!open || !this.items?.length) return;
    const last = this.items.length - 1;
    if (event.key === "ArrowDown") this.#mark(this.active >= last ? 0 : this.active + 1);
    else if (event.key === "ArrowUp") this.#mark(this.active <= 0 ? last : this.active - 1);
    else if (event.key === "Enter") this.#enter();
    else return;
    event.preventDefault();
  }

  // The first one, unless another is marked; but not one that was found for another text.
  #enter() {
    if (this.active >= 0 || this.found === this.input.value) this.choose(this.items[Math.max(this.active, 0)]);
  }

  #mark(index) {
    this.active = index;
    for (const [i, option] of [...this.list.querySelectorAll("[role=option]")].entries()) {
      option.setAttribute("aria-selected", String(i === index));
      if (i === index) option.scrollIntoView({ block: "nearest" });
    }
    this.input.setAttribute("aria-activedescendant", `${this.list.id}-${index}`);
  }
}
