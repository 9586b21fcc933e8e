#include "infra/postgres/conninfo.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cctype>

#include "infra/handle.hpp"

namespace jangbu::pg {

namespace {

using Settings = Handle<PQconninfoOption, PQconninfoFree>;

constexpr std::string_view hidden = "***";

std::string_view scheme_of(std::string_view conninfo) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"})
    if (conninfo.starts_with(scheme)) return scheme;
  return {};
}

// How libpq tells the mere name of a database from a connection string.
bool is_name_alone(std::string_view conninfo) {
  return scheme_of(conninfo).empty() && conninfo.find('=') == conninfo.npos;
}

// The part of a URI after its scheme, split into three.
struct Uri {
  std::string_view user_info;  // including the '@'; may be empty
  std::string_view place;      // hosts, ports, database
  std::string_view query;      // including the '?'; may be empty

  explicit Uri(std::string_view rest) {
    const auto end = rest.find_first_of("@/");
    if (end != rest.npos && rest[end] == '@') {
      user_info = rest.substr(0, end + 1);
      rest.remove_prefix(end + 1);
    }
    place = rest.substr(0, rest.find('?'));
    query = rest.substr(place.size());
  }
};

// libpq marks the settings that a dialog should hide.
bool is_secret(std::string_view keyword) {
  static const Settings known(PQconndefaults());
  for (const PQconninfoOption* option = known.get(); option && option->keyword; ++option)
    if (keyword == option->keyword) return std::string_view(option->dispchar) == "*";
  return false;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string shown_query(std::string_view query) {
  std::string shown;
  while (!query.empty()) {
    const auto end = std::min(query.find('&', 1), query.size());
    const std::string_view pair = query.substr(0, end);  // including the leading '?' or '&'
    const auto equals = std::min(pair.find('='), pair.size());
    shown += pair.substr(0, equals);
    if (is_secret(percent_decoded(pair.substr(1, equals - 1))))
      shown.append("=").append(hidden);
    else
      shown += pair.substr(equals);
    query.remove_prefix(end);
  }
  return shown;
}

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// Shows any number of `keyword = value` pairs; values may be quoted, and backslashes escape.
std::string shown_words(std::string_view words) {
  std::string shown;
  std::size_t at = 0;
  const auto take_while = [&](auto condition) {
    const std::size_t begin = at;
    while (at < words.size() && condition(words[at])) ++at;
    return words.substr(begin, at - begin);
  };
  while (at < words.size()) {
    shown += take_while(is_space);
    const std::string_view keyword = take_while([](char c) { return c != '=' && !is_space(c); });
    shown += keyword;
    shown += take_while(is_space);
    if (at < words.size() && words[at] == '=') shown += words[at++];
    shown += take_while(is_space);
    const std::size_t begin = at;
    const bool quoted = at < words.size() && words[at] == '\'';
    for (at += quoted ? 1 : 0; at < words.size(); ++at) {
      if (words[at] == '\\')
        ++at;
      else if (quoted ? words[at] == '\'' : is_space(words[at]))
        break;
    }
    at = std::min(at + (quoted ? 1 : 0), words.size());
    shown += is_secret(keyword) ? hidden : words.substr(begin, at - begin);
  }
  return shown;
}

// Whether part of a password that was not percent-encoded was taken for the server's address: an
// '@' is left in the address, or in what libpq parsed from it (libpq reads on to the ']' after a
// '[').
bool has_stray_at(std::string_view uri, std::string_view scheme, const Settings& settings) {
  if (Uri(uri.substr(scheme.size())).place.find('@') != uri.npos) return true;
  for (const PQconninfoOption* option = settings.get(); option->keyword; ++option) {
    const std::string_view keyword = option->keyword;
    const bool is_of_place = keyword == "host" || keyword == "port" || keyword == "dbname";
    if (is_of_place && option->val && std::string_view(option->val).find('@') != uri.npos)
      return true;
  }
  return false;
}

}  // namespace

std::string check_conninfo(const std::string& conninfo) {
  if (is_name_alone(conninfo)) return {};
  const std::string_view scheme = scheme_of(conninfo);
  char* why = nullptr;
  const Settings settings(PQconninfoParse(conninfo.c_str(), &why));
  PQfreemem(why);  // it quotes what libpq did not understand
  if (settings && (scheme.empty() || !has_stray_at(conninfo, scheme, settings))) return {};
  return "must be a connection string of PostgreSQL: a URI such as "
         "postgresql://user:password@host:5432/shop, whose user and password have special "
         "characters percent-encoded (@ is %40, / is %2F), or words such as host=127.0.0.1 "
         "dbname=shop password='a secret', where \\ stands before ' and \\";
}

std::string without_secrets(const std::string& conninfo) {
  if (is_name_alone(conninfo)) return conninfo;
  if (!check_conninfo(conninfo).empty()) return std::string(hidden);
  const std::string_view scheme = scheme_of(conninfo);
  if (scheme.empty()) return shown_words(conninfo);
  const Uri uri(std::string_view(conninfo).substr(scheme.size()));
  std::string shown(scheme);
  if (!uri.user_info.empty()) shown.append(hidden).append("@");
  return shown.append(uri.place).append(shown_query(uri.query));
}

}  // namespace jangbu::pg
