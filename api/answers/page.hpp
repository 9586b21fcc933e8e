// Part of a list in JSON: {"items": […], "next": …}. It ends early if it would be longer than about
// a mebibyte; `next` leads to the rest.
//
// Threads: pure functions.
#pragma once

#include <vector>

#include "infra/json.hpp"
#include "projections/tables/read_model.hpp"

namespace jangbu {

// Appends the rows, as converted by `to_json`, until the array holds `page_bytes`. Returns how many
// it took: at least one, if there are any.
template <class Row, class ToJson>
std::size_t push_page(Json& items, const std::vector<Row>& rows, const ToJson& to_json) {
  std::size_t taken = 0;
  for (const Row& row : rows) {
    const Json item = to_json(row);
    if (taken > 0 && items.text().size() + item.text().size() > page_bytes) break;
    items.push_back(item);
    ++taken;
  }
  return taken;
}

// For rows that are paged by id.
template <class Row>
Json page_json(const Page<Row>& page) {
  Json items = Json::array();
  const std::size_t taken =
      push_page(items, page.items, [](const Row& row) { return to_json(row); });
  Json next;
  if (page.searched_to)
    next = to_string(page.searched_to->id);
  else if (page.more || taken < page.items.size())
    next = to_string(page.items[taken - 1].id);
  return {{"items", items}, {"next", next}};
}

}  // namespace jangbu
