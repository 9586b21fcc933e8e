#include "infra/postgres/hosts.hpp"

#include <algorithm>
#include <string_view>

#include "infra/handle.hpp"

namespace jangbu::pg {

namespace {

// libpq's lists have commas, and nothing escapes them.
std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    const auto comma = std::min(list.find(','), list.size());
    parts.emplace_back(list.substr(0, comma));
    if (comma == list.size()) return parts;
    list.remove_prefix(comma + 1);
  }
}

// The nth of a list; a list of one is for all.
std::string nth(const std::vector<std::string>& list, std::size_t n) {
  if (list.size() == 1) return list.front();
  return n < list.size() ? list[n] : "";
}

bool has_gap(const std::vector<std::string>& list) {
  return std::ranges::any_of(list, &std::string::empty);
}

}  // namespace

Hosts::Hosts(const std::string& conninfo) {
  const Handle<PQconninfoOption, PQconninfoFree> settings(
      PQconninfoParse(conninfo.c_str(), nullptr));
  std::vector<std::string> names, addresses, ports;
  for (const PQconninfoOption* option = settings.get(); option && option->keyword; ++option) {
    if (!option->val) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "host") names = split(option->val);
    if (keyword == "hostaddr") addresses = split(option->val);
    if (keyword == "port") {
      ports = split(option->val);
      std::ranges::replace(ports, std::string(), option->compiled);
    }
  }
  // What is left after a host is left out must not be empty: libpq would take that for not given.
  if (has_gap(names) || has_gap(addresses)) return;
  for (std::size_t n = 0; n < std::max(names.size(), addresses.size()); ++n)
    all_.push_back({nth(names, n), nth(addresses, n), nth(ports, n)});
  take_all();
}

bool Hosts::leave_out(const PGconn* silent) {
  const std::string_view name = PQhost(silent);  // its address, if it has no name
  const std::string_view port = PQport(silent);
  std::erase_if(left_, [&](const Host& host) {
    return (host.name.empty() ? host.address : host.name) == name &&
           (host.port.empty() || host.port == port);
  });
  const bool is_another_left = !left_.empty();
  if (!is_another_left) take_all();
  return is_another_left;
}

void Hosts::take_all() {
  left_ = all_;
}

std::string Hosts::list_of(std::string Host::*setting) const {
  std::string list;
  for (const Host& host : left_) {
    if ((host.*setting).empty()) return {};  // of none
    list.append(list.empty() ? "" : ",").append(host.*setting);
  }
  return list;
}

}  // namespace jangbu::pg
