#include "api/cluster/forwarding_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "api/access/grant.hpp"
#include "api/http/ascii.hpp"
#include "api/http/uri.hpp"

namespace jangbu::cluster {

namespace {

// Fields on which the meaning of a command, or the form of its answer, may depend. Credentials stay
// where they came in.
constexpr std::array<std::string_view, 11> fields_that_matter{
    "Content-Type",    "Content-Length", "Transfer-Encoding",
    "Idempotency-Key", "If-Match",       "If-None-Match",
    "Prefer",          "Accept",         "traceparent",
    "Accept-Language", "X-Request-Id"};

bool matters(std::string_view name) {
  return std::ranges::any_of(fields_that_matter, [&](std::string_view field) {
    return http::equal_ignoring_case(field, name);
  });
}

// --- Writing -------------------------------------------------------------------------------------

std::array<char, 4> bytes_of(std::uint32_t number) {
  return {static_cast<char>(number), static_cast<char>(number >> 8),
          static_cast<char>(number >> 16), static_cast<char>(number >> 24)};
}

void put(std::string& to, std::uint32_t number) {
  const auto bytes = bytes_of(number);
  to.append(bytes.data(), bytes.size());
}

void put(std::string& to, std::string_view text) {
  put(to, static_cast<std::uint32_t>(text.size()));
  to.append(text);
}

// Members, whose number is known at the end.
class MemberWriter {
 public:
  explicit MemberWriter(std::string& to) : to_(to), count_at_(to.size()) { put(to, 0U); }
  ~MemberWriter() {
    const auto bytes = bytes_of(count_);
    std::ranges::copy(bytes, to_.begin() + static_cast<std::ptrdiff_t>(count_at_));
  }
  MemberWriter(const MemberWriter&) = delete;
  MemberWriter& operator=(const MemberWriter&) = delete;

  void add(std::string_view name, std::string_view value) {
    put(to_, name);
    put(to_, value);
    ++count_;
  }

 private:
  std::string& to_;
  const std::size_t count_at_;
  std::uint32_t count_ = 0;
};

// --- Reading -------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number() {
    const std::string_view bytes = take(4);
    std::uint32_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
      number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return number;
  }
  std::string_view text() { return take(number()); }

  Members members() {
    Members members;
    const std::uint32_t count = number();
    members.fields.reserve(std::min<std::size_t>(count, rest_.size() / least_member));
    for (std::uint32_t i = 0; i < count && whole_; ++i) {
      const std::string_view name = text();
      members.fields.push_back({name, text()});
    }
    return members;
  }

  bool whole() const { return whole_; }
  bool at_end() const { return whole_ && rest_.empty(); }

 private:
  static constexpr std::size_t least_member = 8;

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      whole_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool whole_ = true;
};

std::optional<http::Method> method_of(std::string_view word) {
  using http::Method;
  for (const Method method : {Method::post, Method::put, Method::patch, Method::delete_})
    if (word == http::to_string(method)) return method;
  return std::nullopt;
}

Roles roles_of(std::string_view words) {
  Roles roles;
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    // A role that this build does not know gives nothing here.
    if (const auto role = access::parse_role(words.substr(0, end))) roles.add(*role);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return roles;
}

std::string words_of(Roles roles) {
  std::string words;
  for (std::size_t i = 0; i < role_count; ++i)
    if (const auto role = static_cast<Role>(i); roles.has(role))
      words.append(words.empty() ? "" : " ").append(access::to_string(role));
  return words;
}

}  // namespace

std::string request_item(const RequestParts& parts) {
  constexpr std::size_t usual_members = 512;
  const http::Request& request = parts.request;
  std::string item;
  item.reserve(parts.body.size() + usual_members);
  {
    MemberWriter members(item);
    members.add(":service", parts.service);
    members.add(":method", http::to_string(request.method));
    members.add(":target", request.target);
    if (parts.row) members.add(":row", std::to_string(*parts.row));
    if (!parts.asker.may_all) {
      members.add(":principal", to_string(parts.asker.id));
      members.add(":name", parts.asker.name);
      members.add(":roles", words_of(parts.asker.roles));
      if (!parts.asker.carrier.empty()) members.add(":carrier", parts.asker.carrier);
    }
    for (std::size_t i = 0; i < request.headers.size(); ++i)
      if (const auto [name, value] = request.headers[i]; matters(name)) members.add(name, value);
  }
  put(item, parts.body);
  return item;
}

std::string answer_item(const http::Response& response) {
  constexpr std::size_t usual_members = 256;
  std::string item;
  item.reserve(response.body.size() + usual_members);
  {
    MemberWriter members(item);
    members.add(":status", std::to_string(response.status));
    members.add(":type", response.content_type);
    for (const auto& [name, value] : response.headers) members.add(name, value);
  }
  put(item, response.body);
  return item;
}

MessageWriter::MessageWriter(const Members& members) : bytes_(1, char{format_version}) {
  {
    MemberWriter writer(bytes_);
    for (const auto& [name, value] : members) writer.add(name, value);
  }
  count_at_ = bytes_.size();
  put(bytes_, 0U);
}

void MessageWriter::add(std::uint32_t number, std::string_view item) {
  put(bytes_, number);
  bytes_.append(item);
  ++count_;
}

std::string MessageWriter::take() && {
  std::ranges::copy(bytes_of(count_), bytes_.begin() + static_cast<std::ptrdiff_t>(count_at_));
  return std::move(bytes_);
}

std::optional<std::string_view> Members::find(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, &http::Headers::Field::name);
  if (found == fields.end()) return std::nullopt;
  return found->value;
}

std::optional<std::uint64_t> Members::number(std::string_view name) const {
  const auto text = find(name);
  std::uint64_t number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::optional<std::variant<Message, OtherVersion>> read_message(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto version = static_cast<std::uint8_t>(bytes.front());
  if (version != format_version) return OtherVersion{version};
  Reader reader(bytes.substr(1));
  Message message;
  message.members = reader.members();
  const std::uint32_t count = reader.number();
  for (std::uint32_t i = 0; i < count && reader.whole(); ++i) {
    Item item;
    item.number = reader.number();
    item.members = reader.members();
    item.body = reader.text();
    message.items.push_back(std::move(item));
  }
  if (!reader.at_end()) return std::nullopt;
  return message;
}

std::optional<ForwardedRequest> read_request(const Item& item) {
  const Members& members = item.members;
  const auto service = members.find(":service");
  const auto method = method_of(members.find(":method").value_or(""));
  const auto target = members.find(":target");
  if (!service || !method || !target || !target->starts_with('/')) return std::nullopt;
  const auto path_end = std::min(target->find('?'), target->size());
  auto segments = http::path_segments(target->substr(0, path_end));
  auto query = http::query_pairs(target->substr(std::min(path_end + 1, target->size())));
  if (!segments || !query) return std::nullopt;

  ForwardedRequest forwarded{
      .service = *service, .request = {}, .asker = {}, .row = members.number(":row")};
  http::Request& request = forwarded.request;
  request.method = *method;
  request.target = *target;
  request.segments = std::move(*segments);
  request.query = std::move(*query);
  request.body = item.body;
  for (const auto& [name, value] : members.fields)
    if (!name.starts_with(':')) request.headers.add(name, value);
  if (const auto principal = members.find(":principal")) {
    const auto id = parse_id<PrincipalId>(*principal);
    if (!id) return std::nullopt;
    forwarded.asker = Principal{.id = *id,
                                .name = std::string(members.find(":name").value_or("")),
                                .roles = roles_of(members.find(":roles").value_or("")),
                                .carrier = std::string(members.find(":carrier").value_or(""))};
  }
  return forwarded;
}

std::optional<http::Response> read_answer(const Item& item) {
  const auto status = item.members.number(":status");
  if (!status || *status < 200 || *status > 599) return std::nullopt;
  http::Response response{.status = static_cast<int>(*status),
                          .content_type = std::string(item.members.find(":type").value_or("")),
                          .body = std::string(item.body)};
  for (const auto& [name, value] : item.members.fields)
    if (!name.starts_with(':')) response.headers.emplace_back(name, value);
  return response;
}

}  // namespace jangbu::cluster
