#include "api/requests/command_key.hpp"

#include <algorithm>

#include "api/http/ascii.hpp"
#include "api/http/trace.hpp"
#include "infra/sha256.hpp"

namespace jangbu {

namespace {

constexpr std::size_t max_key = 255;

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~'; });
}

template <class Hash>
Hash hash_of(std::initializer_list<std::string_view> parts) {
  Hash hash;
  std::copy_n(sha256(parts).begin(), hash.bytes.size(), hash.bytes.begin());
  return hash;
}

RequestHash request_of(std::string_view method, std::string_view target, std::string_view body) {
  return hash_of<RequestHash>({method, " ", target, "\n", body});
}

// The path in one form, however its characters and ids are written. Commands have no query.
std::string target_of(const http::Request& request) {
  std::string target;
  for (const std::string& segment : request.segments) {
    const auto id = parse_uuid(segment);
    target += '/';
    target += id ? to_string(*id) : segment;
  }
  return target;
}

std::string meaning_of_body(const http::Request& request) {
  if (request.body.empty() || request.method == http::Method::delete_) return "{}";
  return Body(request.body)
      .canonical(request.method == http::Method::patch ? NullMember::takes_away
                                                       : NullMember::is_absent);
}

// The content of a string (RFC 8941, section 3.3.3) without escapes; anything else unchanged.
std::string_view without_quotes(std::string_view field) {
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return field;
  const std::string_view key = field.substr(1, field.size() - 2);
  return key.find_first_of("\"\\") == key.npos ? key : field;
}

struct IdempotencyKey {
  std::string_view key;    // without the quotation marks of the IETF's draft: "k" equals k
  std::string_view field;  // as received
};

std::optional<IdempotencyKey> idempotency_key(const http::Request& request) {
  std::optional<IdempotencyKey> found;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto [name, value] = request.headers[i];
    if (!http::equal_ignoring_case(name, "Idempotency-Key")) continue;
    if (found) malformed("Idempotency-Key is given twice: a request has one key");
    found = {without_quotes(value), value};
  }
  if (found && (found->key.empty() || found->key.size() > max_key || !is_visible_ascii(found->key)))
    malformed("Idempotency-Key must have 1 to 255 visible ASCII characters");
  return found;
}

// Whose keys they are; empty: nobody knows. No key has a space, so none looks like another's.
std::string scope_of(const Principal& asker) {
  return asker.name.empty() ? std::string() : "principal " + to_string(asker.id) + "\n";
}

KeyedRequest keyed(const std::string& scope, const std::string& key, const RequestHash& request,
                   const CommandKey& former) {
  KeyedRequest keyed{.key = {hash_of<KeyHash>({scope, key}), request}, .former = {former}};
  if (!scope.empty()) keyed.former.push_back({hash_of<KeyHash>({key}), request});
  return keyed;
}

}  // namespace

std::optional<KeyedRequest> keyed_request(const http::Request& request, const Principal& asker) {
  const auto key = idempotency_key(request);
  if (!key) return std::nullopt;
  const std::string_view method = http::to_string(request.method);
  return keyed(scope_of(asker), std::string(key->key),
               request_of(method, target_of(request), meaning_of_body(request)),
               {hash_of<KeyHash>({key->field}), request_of(method, request.target, request.body)});
}

std::optional<RowKeys> RowKeys::of(const http::Request& request, const Principal& asker) {
  const auto key = idempotency_key(request);
  if (!key) return std::nullopt;
  RowKeys keys;
  keys.scope_ = scope_of(asker);
  keys.key_ = std::string(key->key) + "\n";
  keys.former_key_ = std::string(key->field) + "\n";
  keys.target_ = target_of(request);
  keys.former_target_ = request.target;
  return keys;
}

KeyedRequest RowKeys::of_row(std::uint64_t line, std::string_view row, const Body& body) const {
  const std::string number = std::to_string(line);
  return keyed(scope_, key_ + number,
               request_of("ROW", target_, body.canonical(NullMember::is_absent)),
               {hash_of<KeyHash>({former_key_ + number}), request_of("ROW", former_target_, row)});
}

std::string correlation_of(const http::Request& request) {
  if (const auto trace = request.header("traceparent"))
    if (auto valid = http::parse_traceparent(*trace)) return std::move(*valid);
  const auto id = request.header("X-Request-Id");
  return id && http::is_request_id(*id) ? std::string(*id) : std::string();
}

}  // namespace jangbu
