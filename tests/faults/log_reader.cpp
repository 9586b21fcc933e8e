#include "tests/faults/log_reader.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

namespace jangbu::test {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("the log cannot be read: " + what);
}

// --- Bytes ---------------------------------------------------------------------------------------

class Bytes {
 public:
  explicit Bytes(std::string_view rest) : rest_(rest) {}

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) fail("a commit ends too early");
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  // Lowest byte first.
  template <std::integral Number>
  Number number() {
    std::uint64_t value = 0;
    const auto bytes = take(sizeof(Number));
    for (std::size_t i = bytes.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return static_cast<Number>(value);
  }

  std::string text() { return std::string(take(number<std::uint64_t>())); }

  bool truth() {
    const auto byte = number<std::uint8_t>();
    if (byte > 1) fail("a truth value that is neither");
    return byte == 1;
  }

  // As a UUID is written.
  std::string id() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string written;
    const auto bytes = take(16);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) written += '-';
      const auto byte = static_cast<unsigned char>(bytes[i]);
      written += digits[byte >> 4];
      written += digits[byte & 15];
    }
    return written;
  }

  void end() const {
    if (!rest_.empty()) fail(std::to_string(rest_.size()) + " bytes are left over");
  }

 private:
  std::string_view rest_;
};

constexpr std::array<std::string_view, 12> statuses{
    "preparing",      "label-created",        "picked-up", "in-transit", "out-for-delivery",
    "attempt-failed", "available-for-pickup", "exception", "delivered",  "returned-to-sender",
    "cancelled",      "receipt-confirmed"};

std::string status(Bytes& bytes) {
  const auto number = bytes.number<std::uint8_t>();
  if (number >= statuses.size()) fail("an unknown status");
  return std::string(statuses[number]);
}

std::int64_t money(Bytes& bytes) {
  const auto amount = bytes.number<std::int64_t>();
  if (bytes.take(3) != "KRW") fail("another currency");
  return amount;
}

std::string address(Bytes& bytes) {
  std::string line = bytes.text();
  bytes.text();  // zip code
  return line;
}

void time(Bytes& bytes) {
  bytes.number<std::int64_t>();
}

// Returns the entity, which stands in front.
std::string account(Bytes& bytes, unsigned version, LogEvent& event) {
  std::string id = bytes.id();
  event.text = bytes.text();
  bytes.text();  // e-mail
  event.address = address(bytes);
  bytes.take(2);  // member type and level
  time(bytes);
  if (version > 1 && !bytes.truth()) bytes.id();  // owner
  return id;
}

std::string product(Bytes& bytes, unsigned version, LogEvent& event) {
  std::string id = bytes.id();
  event.text = bytes.text();
  event.price = money(bytes);
  event.stock = bytes.number<std::int64_t>();
  bytes.text();  // description
  time(bytes);
  if (version > 1 && !bytes.truth()) bytes.id();  // seller
  return id;
}

std::string purchase(Bytes& bytes, LogEvent& event) {
  std::string id = bytes.id();
  event.buyer = bytes.id();
  bytes.text();  // recipient's name
  event.address = address(bytes);
  for (auto left = bytes.number<std::uint64_t>(); left > 0; --left) {
    Line line;
    line.product = bytes.id();
    bytes.text();  // name
    money(bytes);
    line.quantity = bytes.number<std::int64_t>();
    money(bytes);
    event.lines.push_back(std::move(line));
  }
  event.total = money(bytes);
  return id;
}

std::string scan(Bytes& bytes, LogEvent& event) {
  std::string id = bytes.id();
  event.buyer = bytes.id();
  bytes.text();  // carrier
  bytes.text();  // tracking number
  event.scanned = status(bytes);
  bytes.text();  // location
  bytes.text();  // code
  time(bytes);
  event.text = status(bytes);
  if (!bytes.truth()) status(bytes);  // the one before
  return id;
}

std::string read_fact(Bytes& bytes, unsigned version, LogEvent& event) {
  const auto is = [&](std::string_view type, unsigned wanted) {
    return event.type == type && version == wanted;
  };
  // Version 1 is without an owner.
  const auto is_owned = [&](std::string_view type) { return is(type, 1) || is(type, 2); };
  std::string id;
  if (is_owned("AccountOpened") || is_owned("AddressChanged") ||
      is_owned("AccountDetailsChanged")) {
    id = account(bytes, version, event);
  } else if (is_owned("AccountClosed")) {
    id = account(bytes, version, event);
    time(bytes);
  } else if (is_owned("ProductListed") || is_owned("PriceChanged")) {
    id = product(bytes, version, event);
  } else if (is_owned("StockChanged")) {
    id = product(bytes, version, event);
    event.change = bytes.number<std::int64_t>();
    bytes.text();  // reason
  } else if (is_owned("ProductWithdrawn")) {
    id = product(bytes, version, event);
    time(bytes);
  } else if (is("PurchaseCompleted", 2)) {
    id = purchase(bytes, event);
    if (!bytes.truth()) bytes.id();  // its quote's
    time(bytes);
  } else if (is("PurchaseCancelled", 1)) {
    id = purchase(bytes, event);
    time(bytes);
    bytes.text();  // reason
    time(bytes);
  } else if (is("DeliveryScanned", 2)) {
    id = scan(bytes, event);
  } else if (is("ReceiptConfirmed", 1)) {
    id = bytes.id();
    event.buyer = bytes.id();
    time(bytes);
  } else if (is("NothingChanged", 1)) {
    bytes.number<std::uint8_t>();  // the kind of entity
    id = bytes.id();
    bytes.number<std::uint64_t>();                     // the version's position
    bytes.number<std::uint32_t>();                     // and index
    if (!bytes.truth()) bytes.number<std::int64_t>();  // stock
  } else {
    fail("an event of type " + event.type + ", version " + std::to_string(version));
  }
  return id;
}

LogEvent read_event(Bytes& bytes) {
  LogEvent event;
  event.type = bytes.text();
  const auto version = bytes.number<std::uint16_t>();
  if (bytes.number<std::uint8_t>() > 2) fail("an unknown kind of entity");
  event.entity = bytes.id();
  time(bytes);
  event.keyed = !bytes.truth();
  if (event.keyed) bytes.take(32);
  event.correlation = bytes.text();
  bytes.text();  // causation
  bytes.text();  // actor
  Bytes fact(bytes.take(bytes.number<std::uint32_t>()));
  if (read_fact(fact, version, event) != event.entity) fail("an event of another entity");
  fact.end();
  return event;
}

// --- NATS ----------------------------------------------------------------------------------------

// NATS does not answer now, as while a cluster elects a leader.
class Away : public std::runtime_error {
 public:
  explicit Away(const std::string& why) : std::runtime_error("the log cannot be read: " + why) {}
};

// Asks again and again while it is away.
template <class Ask>
auto patiently(Ask ask) {
  for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);;) {
    try {
      return ask();
    } catch (const Away&) {
      if (std::chrono::steady_clock::now() >= deadline) throw;
      ::poll(nullptr, 0, 100);
    }
  }
}

struct Message {
  std::string subject, reply, headers, payload;
};

class NatsSocket {
 public:
  explicit NatsSocket(int port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(descriptor_);
      fail("nobody listens on port " + std::to_string(port));
    }
    send(R"(CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true})"
         "\r\n");
  }
  ~NatsSocket() { ::close(descriptor_); }
  NatsSocket(const NatsSocket&) = delete;
  NatsSocket& operator=(const NatsSocket&) = delete;

  void subscribe(const std::string& subject) {
    send("SUB " + subject + " " + std::to_string(++subscriptions_) + "\r\n");
  }

  void publish(const std::string& subject, const std::string& reply, const std::string& payload) {
    send("PUB " + subject + " " + reply + " " + std::to_string(payload.size()) + "\r\n" + payload +
         "\r\n");
  }

  Message next() {
    for (;;) {
      const std::string line = this->line();
      if (line == "PING") {
        send("PONG\r\n");
      } else if (line.starts_with("-ERR")) {
        fail(line);
      } else if (line.starts_with("MSG ") || line.starts_with("HMSG ")) {
        return message(line);
      }
    }
  }

 private:
  static std::size_t size_of(const std::string& text) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc() || end != text.data() + text.size()) fail("'" + text + "' is no size");
    return size;
  }

  // [H]MSG <subject> <sid> [reply] [bytes of headers] <bytes in all>
  Message message(const std::string& line) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < line.size();) {
      const auto end = std::min(line.find(' ', at), line.size());
      words.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    const std::size_t sizes = words[0] == "HMSG" ? 2 : 1;
    if (words.size() < 3 + sizes) fail(line);
    Message message;
    message.subject = words[1];
    if (words.size() > 3 + sizes) message.reply = words[3];
    std::string all = bytes(size_of(words.back()) + 2);
    all.resize(all.size() - 2);
    const std::size_t headers = sizes == 2 ? size_of(words[words.size() - 2]) : 0;
    message.headers = all.substr(0, headers);
    message.payload = all.substr(headers);
    return message;
  }

  std::string line() {
    std::size_t end = 0;
    while ((end = input_.find("\r\n", at_)) == input_.npos) receive();
    std::string line = input_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  std::string bytes(std::size_t size) {
    while (input_.size() - at_ < size) receive();
    std::string taken = input_.substr(at_, size);
    at_ += size;
    return taken;
  }

  void receive() {
    constexpr int patience_ms = 10'000;
    input_.erase(0, std::exchange(at_, 0));
    pollfd watched{descriptor_, POLLIN, 0};
    if (::poll(&watched, 1, patience_ms) != 1) throw Away("nats-server says nothing");
    std::array<char, 256 * 1024> read;
    const auto size = ::recv(descriptor_, read.data(), read.size(), 0);
    if (size <= 0) throw Away("the connection ended");
    input_.append(read.data(), static_cast<std::size_t>(size));
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw Away("the connection ended");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  const int descriptor_;
  std::string input_;
  std::size_t at_ = 0;  // how far the input has been read
  int subscriptions_ = 0;
};

std::optional<std::string> header_if_any(const std::string& headers, const std::string& name) {
  const auto start = headers.find("\r\n" + name + ": ");
  if (start == headers.npos) return std::nullopt;
  const auto value = start + 2 + name.size() + 2;
  return headers.substr(value, headers.find("\r\n", value) - value);
}

std::string header(const std::string& headers, const std::string& name) {
  const auto found = header_if_any(headers, name);
  if (!found) fail("a message without " + name);
  return *found;
}

// $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<…>
std::uint64_t sequence_of(const std::string& reply) {
  std::size_t at = 0;
  for (int dots = 0; dots < 5; ++dots) {
    at = reply.find('.', at);
    if (at++ == reply.npos) fail("a message from elsewhere: " + reply);
  }
  return std::stoull(reply.substr(at));
}

constexpr int no_such_stream = 10059;

// What JetStream's API answers.
nlohmann::json ask(NatsSocket& nats, const std::string& what, const nlohmann::json& body) {
  nats.publish("$JS.API." + what, "checker.answers", body.is_null() ? "" : body.dump());
  return nlohmann::json::parse(nats.next().payload);
}

std::uint64_t last_sequence(NatsSocket& nats, const std::string& stream) {
  const auto answer = ask(nats, "STREAM.INFO." + stream, nullptr);
  if (answer.contains("error")) {
    if (answer.at("error").at("err_code") == no_such_stream) return 0;
    throw Away(answer.dump());
  }
  return answer.at("state").at("last_seq").get<std::uint64_t>();
}

// Every message from the first to the one that is the last now, of a stream that has lost none.
std::vector<Message> try_to_read(int port, const std::string& stream) {
  using nlohmann::json;
  NatsSocket nats(port);
  nats.subscribe("checker.answers");
  const std::uint64_t last = last_sequence(nats, stream);
  nats.subscribe("checker.messages");
  nats.publish("$JS.API.CONSUMER.CREATE." + stream, "checker.created",
               json{{"stream_name", stream},
                    {"config",
                     {{"deliver_subject", "checker.messages"},
                      {"deliver_policy", "all"},
                      {"ack_policy", "none"},
                      {"mem_storage", true},
                      {"num_replicas", 1}}}}
                   .dump());
  std::vector<Message> messages;
  while (messages.size() < last) {
    messages.push_back(nats.next());
    if (sequence_of(messages.back().reply) != messages.size())
      fail("a gap after " + std::to_string(messages.size() - 1) + " of " + stream);
  }
  return messages;
}

std::vector<Message> read_stream(int port, const std::string& stream) {
  return patiently([&] { return try_to_read(port, stream); });
}

}  // namespace

std::vector<LogEvent> read_events(std::uint64_t position, std::string_view payload) {
  Bytes bytes(payload);
  if (bytes.number<std::uint8_t>() != 1) fail("another byte order");
  time(bytes);
  std::vector<LogEvent> events;
  for (auto left = bytes.number<std::uint64_t>(); left > 0; --left) {
    events.push_back(read_event(bytes));
    events.back().position = position;
    events.back().index = static_cast<std::uint32_t>(events.size() - 1);
  }
  bytes.end();
  return events;
}

LogCommit read_commit(std::uint64_t position, const std::string& headers,
                      std::string_view payload) {
  if (header(headers, "Jangbu-Format") != "1") fail("another format");
  LogCommit commit{.position = position, .id = header(headers, "Jangbu-Commit-Id")};
  if (const auto author = header_if_any(headers, "Jangbu-Writer"))
    commit.author = author->substr(0, author->find(' '));
  if (const auto at = header_if_any(headers, "Jangbu-Decided-At"))
    commit.is_void = std::stoull(*at) + 1 != position;
  if (!commit.is_void) commit.events = read_events(position, payload);
  return commit;
}

std::vector<LogCommit> read_log(int port, const std::string& stream) {
  std::vector<LogCommit> log;
  for (const Message& message : read_stream(port, stream))
    log.push_back(read_commit(log.size() + 1, message.headers, message.payload));
  return log;
}

std::vector<PublicEvent> read_public(int port, const std::string& stream) {
  std::vector<PublicEvent> events;
  for (const Message& message : read_stream(port, stream)) {
    if (header(message.headers, "Content-Type") != "application/cloudevents+json")
      fail("what is public is no CloudEvent");
    const auto event = nlohmann::json::parse(message.payload);
    events.push_back({.id = event.at("id"),
                      .subject = message.subject,
                      .commit = header(message.headers, "Jangbu-Commit-Id"),
                      .entity = event.at("subject"),
                      .order = event.at("sequence")});
  }
  return events;
}

std::uint64_t last_sequence(int port, const std::string& stream) {
  return patiently([&] {
    NatsSocket nats(port);
    nats.subscribe("checker.answers");
    return last_sequence(nats, stream);
  });
}

}  // namespace jangbu::test
