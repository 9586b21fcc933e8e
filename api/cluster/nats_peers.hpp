// How instances find out over NATS who of them is active. A standby asks `<stream>.active`, to
// which only the active instance subscribes: while there is none, the server says at once that
// nobody is there. Questions and answers are messages of forwarding_format.hpp, sealed; an answer
// is sealed for its question. A question that is not understood is answered with nothing, so that
// an instance with another secret learns that somebody is active, and keeps out of the way; but
// only into an inbox, since whoever asks names the subject.
//
// Threads: as Peers. Ownership: the connection outlives it. Errors: what cannot be sent is not
// answered, which the asker takes for silence; so is what is not understood.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/cluster/complaints.hpp"
#include "commands/peers.hpp"
#include "infra/eventlog/nats_connection.hpp"

namespace jangbu::cluster {

class NatsPeers final : public Peers {
 public:
  static constexpr std::size_t most_waiting = 1'000;  // messages; what comes then is dropped

  // `subjects`: where they begin, the stream's name in lower case.
  NatsPeers(NatsConnection& connection, std::string_view subjects, std::string secret);
  ~NatsPeers() override;

  void ask(const StandbyTells& tells) override;
  void listen(bool active) override;
  std::optional<Arrived> next(std::chrono::steady_clock::time_point until) override;
  void wake() override;

 private:
  void on_question(const natsMsg& question);
  void on_answer(natsMsg& answer);
  void answer(const std::string& to, std::string_view bytes);
  void arrive(Arrived arrived);

  NatsConnection& connection_;
  const std::string subject_;
  const std::string secret_;
  Complaints complaints_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Arrived> arrived_;
  bool woken_ = false;
  std::string awaited_;  // where the answer to the last question comes: only that one counts
  std::uint64_t questions_asked_ = 0;

  // Last: their handlers use everything above.
  const std::string answers_subject_;
  std::optional<NatsConnection::Subscription> questions_;
  NatsConnection::Subscription answers_;
};

}  // namespace jangbu::cluster
