#include "events/values.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace jangbu {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

// The positions of the hyphens in a UUID's text (RFC 9562, section 4).
constexpr bool is_hyphen(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// Accepts decimal digits only, without sign or space, and only if they make up the whole text.
template <class Number>
std::optional<Number> parse_digits(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return {};
  return number;
}

// Every value with its written form, in the order of the enumeration.
template <class Value>
using Names =
    std::array<std::pair<Value, std::string_view>, static_cast<std::size_t>(Value::last) + 1>;

template <class Value>
constexpr bool has_all(const Names<Value>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].first != static_cast<Value>(i)) return false;
  return true;
}

template <class Value>
std::string_view name_in(const Names<Value>& names, Value value) {
  return names[static_cast<std::size_t>(value)].second;
}

template <class Value>
std::optional<Value> value_in(const Names<Value>& names, std::string_view text) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](auto& name) { return name.second == text; });
  if (found == names.end() || text.empty()) return std::nullopt;
  return found->first;
}

constexpr Names<MemberType> member_types{{
    {MemberType::buyer, "buyer"},
    {MemberType::seller, "seller"},
}};

constexpr Names<MembershipLevel> membership_levels{{
    {MembershipLevel::none, ""},
    {MembershipLevel::silver, "SILVER"},
    {MembershipLevel::gold, "GOLD"},
    {MembershipLevel::vip, "VIP"},
}};

constexpr Names<DeliveryStatus> delivery_statuses{{
    {DeliveryStatus::preparing, "preparing"},
    {DeliveryStatus::label_created, "label-created"},
    {DeliveryStatus::picked_up, "picked-up"},
    {DeliveryStatus::in_transit, "in-transit"},
    {DeliveryStatus::out_for_delivery, "out-for-delivery"},
    {DeliveryStatus::attempt_failed, "attempt-failed"},
    {DeliveryStatus::available_for_pickup, "available-for-pickup"},
    {DeliveryStatus::exception, "exception"},
    {DeliveryStatus::delivered, "delivered"},
    {DeliveryStatus::returned_to_sender, "returned-to-sender"},
    {DeliveryStatus::cancelled, "cancelled"},
    {DeliveryStatus::receipt_confirmed, "receipt-confirmed"},
}};

static_assert(has_all<MemberType>(member_types) && has_all<MembershipLevel>(membership_levels) &&
              has_all<DeliveryStatus>(delivery_statuses));

// The active codes of ISO 4217 that denote money used for payment (no metals, no test codes).
constexpr std::string_view currencies =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

}  // namespace

std::string to_string(const std::array<std::uint8_t, 16>& uuid) {
  std::string text(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : uuid) {
    if (is_hyphen(at)) ++at;
    text[at++] = hex_digits[byte >> 4];
    text[at++] = hex_digits[byte & 15];
  }
  return text;
}

std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::array<std::uint8_t, 16> uuid{};
  std::size_t digits = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_hyphen(at)) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[at]);
    if (value < 0) return std::nullopt;
    auto& byte = uuid[digits++ / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | value);
  }
  return uuid;
}

std::string to_string(EventId id) {
  return std::to_string(id.position.value) + '.' + std::to_string(id.index);
}

std::optional<EventId> parse_event_id(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == 0 || dot == text.npos || dot + 1 == text.size()) return std::nullopt;
  const auto position = parse_digits<std::uint64_t>(text.substr(0, dot));
  const auto index = parse_digits<std::uint32_t>(text.substr(dot + 1));
  if (!position || !index) return std::nullopt;
  return EventId{{*position}, *index};
}

std::string to_string(Timestamp time) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{time.ms}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss clock{at - day};
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto write = [&text](std::int64_t number, std::size_t end) {  // last digit before `end`
    for (; number > 0 && end > 0; number /= 10) text[--end] = static_cast<char>('0' + number % 10);
  };
  write(static_cast<int>(date.year()), 4);
  write(static_cast<unsigned>(date.month()), 7);
  write(static_cast<unsigned>(date.day()), 10);
  write(clock.hours().count(), 13);
  write(clock.minutes().count(), 16);
  write(clock.seconds().count(), 19);
  write(clock.subseconds().count(), 23);
  return text;
}

// RFC 3339, section 5.6: date-time = full-date "T" partial-time time-offset.
std::optional<Timestamp> parse_timestamp(std::string_view text) {
  using namespace std::chrono;
  const auto number = [&](std::size_t from, std::size_t count) -> std::optional<int> {
    if (text.size() < from + count) return std::nullopt;
    return parse_digits<int>(text.substr(from, count));
  };
  const auto mark = [&](std::size_t at, std::string_view any_of) {
    return at < text.size() && any_of.find(text[at]) != any_of.npos;
  };
  const auto y = number(0, 4), mo = number(5, 2), d = number(8, 2);
  const auto h = number(11, 2), mi = number(14, 2), s = number(17, 2);
  if (!y || !mo || !d || !h || !mi || !s) return std::nullopt;
  if (!mark(4, "-") || !mark(7, "-") || !mark(10, "Tt") || !mark(13, ":") || !mark(16, ":"))
    return std::nullopt;
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)},
                            day{static_cast<unsigned>(*d)}};
  // A leap second, :60, is read as the second after it: UTC milliseconds have no other place for
  // it.
  if (!date.ok() || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;

  std::size_t at = 19;
  std::int64_t ms = 0;
  if (mark(at, ".")) {
    const std::size_t first = ++at;
    for (std::int64_t weight = 100; mark(at, "0123456789"); ++at, weight /= 10)
      ms += weight * (text[at] - '0');
    if (at == first) return std::nullopt;
  }
  minutes offset{0};
  if (mark(at, "Zz")) {
    ++at;
  } else if (mark(at, "+-")) {
    const auto oh = number(at + 1, 2), om = number(at + 4, 2);
    if (!oh || !om || !mark(at + 3, ":") || *oh > 23 || *om > 59) return std::nullopt;
    offset = hours{*oh} + minutes{*om};
    if (text[at] == '-') offset = -offset;
    at += 6;
  } else {
    return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  const auto time =
      sys_days{date} + hours{*h} + minutes{*mi} + seconds{*s} + milliseconds{ms} - offset;
  // An offset or a leap second may lead out of the years that can be written.
  const std::int64_t since_1970 = time.time_since_epoch().count();
  if (since_1970 < Timestamp::earliest_ms || since_1970 > Timestamp::latest_ms) return std::nullopt;
  return Timestamp{since_1970};
}

std::string_view to_string(const Currency& currency) {
  return {currency.code.data(), currency.code.size()};
}

std::optional<Currency> parse_currency(std::string_view text) {
  if (text.size() != 3 || text.find(' ') != text.npos) return std::nullopt;
  if (currencies.find(text) == currencies.npos) return std::nullopt;
  return Currency{{text[0], text[1], text[2]}};
}

std::string to_string(const Money& money) {
  return std::to_string(money.amount) + ' ' + std::string(to_string(money.currency));
}

std::string_view to_string(MemberType type) {
  return name_in(member_types, type);
}
std::string_view to_string(MembershipLevel level) {
  return name_in(membership_levels, level);
}
std::string_view to_string(DeliveryStatus status) {
  return name_in(delivery_statuses, status);
}

std::optional<MemberType> parse_member_type(std::string_view text) {
  return value_in(member_types, text);
}
std::optional<MembershipLevel> parse_membership_level(std::string_view text) {
  return value_in(membership_levels, text);
}
std::optional<DeliveryStatus> parse_delivery_status(std::string_view text) {
  return value_in(delivery_statuses, text);
}

bool is_closed(DeliveryStatus status) {
  return status == DeliveryStatus::returned_to_sender || status == DeliveryStatus::cancelled ||
         status == DeliveryStatus::receipt_confirmed;
}

}  // namespace jangbu
