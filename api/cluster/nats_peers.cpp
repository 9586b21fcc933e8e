#include "api/cluster/nats_peers.hpp"

#include <charconv>
#include <utility>

#include "api/cluster/forwarding_format.hpp"
#include "api/cluster/seal.hpp"
#include "api/cluster/subjects.hpp"
#include "events/errors.hpp"

namespace jangbu::cluster {

namespace {

using Text = std::optional<std::string_view>;

// Where answers go. A stranger might name any subject, the log's for one.
const std::string inboxes = "_INBOX.";

MessageWriter::Members members_of(const StandbyTells& tells) {
  return {{":from", to_string(tells.author)},
          {":term", std::to_string(tells.term.value)},
          {":position", std::to_string(tells.position.value)},
          {":eligible", tells.eligible ? "1" : "0"}};
}

MessageWriter::Members members_of(const ActiveTells& tells) {
  return {{":from", to_string(tells.author)},
          {":term", std::to_string(tells.term.value)},
          {":since", std::to_string(tells.since.ms)},
          {":position", std::to_string(tells.position.value)},
          {":unanswered", std::to_string(tells.unanswered.count())},
          {":agreement", tells.agreement},
          {":at", std::to_string(tells.now.ms)}};
}

// Of one of the two above. Empty when it is not one, or of another version of the format.
std::optional<Members> read(std::string_view bytes) {
  auto message = read_message(bytes);
  if (!message || !std::holds_alternative<Message>(*message)) return std::nullopt;
  return std::move(std::get<Message>(*message).members);
}

std::optional<StandbyTells> standby_tells(const Members& members) {
  const auto author = parse_author(members.find(":from").value_or(""));
  const auto term = members.number(":term");
  const auto position = members.number(":position");
  if (!author || !term || !position) return std::nullopt;
  return StandbyTells{*author, {*term}, {*position}, members.number(":eligible") == 1};
}

std::optional<ActiveTells> active_tells(const Members& members) {
  const auto author = parse_author(members.find(":from").value_or(""));
  const auto term = members.number(":term");
  const auto since = members.number(":since");
  const auto position = members.number(":position");
  const auto unanswered = members.number(":unanswered");
  const auto at = members.number(":at");
  const Text agreement = members.find(":agreement");
  if (!author || !term || !since || !position || !unanswered || !at || !agreement)
    return std::nullopt;
  return ActiveTells{.author = *author,
                     .term = {*term},
                     .since = {static_cast<std::int64_t>(*since)},
                     .position = {*position},
                     .unanswered = std::chrono::milliseconds(*unanswered),
                     .agreement = std::string(*agreement),
                     .now = {static_cast<std::int64_t>(*at)}};
}

}  // namespace

NatsPeers::NatsPeers(NatsConnection& connection, std::string_view subjects, std::string secret)
    : connection_(connection),
      subject_(active_subject(subjects)),
      secret_(std::move(secret)),
      answers_subject_(inboxes + connection.unique_name()),
      answers_(connection, answers_subject_ + ".*",
               [this](NatsMessage answer) { on_answer(*answer); }) {}

NatsPeers::~NatsPeers() = default;

void NatsPeers::ask(const StandbyTells& tells) {
  std::string reply;
  {
    std::lock_guard lock(mutex_);
    awaited_ = reply = answers_subject_ + "." + std::to_string(++questions_asked_);
  }
  try {
    connection_.publish(
        subject_, reply,
        seal(secret_, question_context(subject_, reply), MessageWriter(members_of(tells)).take()));
  } catch (const Unavailable&) {
    // Silence.
  }
}

void NatsPeers::listen(bool active) {
  questions_.reset();
  if (active)
    questions_.emplace(connection_, subject_,
                       [this](const NatsMessage& question) { on_question(*question); });
}

void NatsPeers::on_question(const natsMsg& question) {
  const char* reply = natsMsg_GetReply(&question);
  if (!reply) return;
  const std::string to = reply;
  if (!to.starts_with(inboxes)) return;
  const auto bytes = open(secret_, question_context(subject_, to), payload(question));
  const auto members = bytes ? read(*bytes) : std::nullopt;
  const auto asked = members ? standby_tells(*members) : std::nullopt;
  if (!asked) {
    complaints_.warn(
        "an instance that asks who is active is not understood: it has another cluster secret, or "
        "another version of jangbu");
    return answer(to, {});
  }
  arrive({.asked = asked, .answer = [this, to](const ActiveTells& tells) {
            answer(to, seal(secret_, answer_context(to), MessageWriter(members_of(tells)).take()));
          }});
}

void NatsPeers::answer(const std::string& to, std::string_view bytes) {
  try {
    connection_.publish(to, bytes);
  } catch (const Unavailable&) {
    // Silence.
  }
}

void NatsPeers::on_answer(natsMsg& answer) {
  const std::string to = natsMsg_GetSubject(&answer);
  {
    std::lock_guard lock(mutex_);
    if (to != awaited_) return;
  }
  if (natsMsg_IsNoResponders(&answer)) return arrive({});
  const auto bytes = open(secret_, answer_context(to), payload(answer));
  const auto members = bytes ? read(*bytes) : std::nullopt;
  auto heard = members ? active_tells(*members) : std::nullopt;
  const bool is_understood = heard.has_value();
  if (is_understood) {
    const std::lock_guard lock(mutex_);
    awaited_.clear();  // whatever else comes, this was the answer
  }
  arrive({.heard = std::move(heard), .not_understood = !is_understood});
}

void NatsPeers::arrive(Arrived arrived) {
  {
    std::lock_guard lock(mutex_);
    if (arrived_.size() >= most_waiting) return;
    arrived_.push_back(std::move(arrived));
  }
  changed_.notify_one();
}

std::optional<Peers::Arrived> NatsPeers::next(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return woken_ || !arrived_.empty(); });
  woken_ = false;
  if (arrived_.empty()) return std::nullopt;
  Arrived arrived = std::move(arrived_.front());
  arrived_.pop_front();
  return arrived;
}

void NatsPeers::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

}  // namespace jangbu::cluster
