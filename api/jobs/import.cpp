#include "api/jobs/import.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/answers/problem_types.hpp"
#include "api/answers/problems.hpp"
#include "api/cluster/forwarder.hpp"
#include "infra/ids.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto retry_interval = 10ms;
constexpr auto ask_again_after = 250ms;  // when the log did not answer
constexpr std::size_t results_piece = 32 * http::kib;

std::string id_of(const EntityView& entity) {
  if (const auto* account = std::get_if<Account>(&entity))
    return to_string((**account).state.account);
  return to_string(std::get<Product>(entity)->state.product);
}

// A line of the answer.
std::string accepted(std::uint64_t line, const std::string& id, Position position, bool again) {
  return "{\"line\":" + std::to_string(line) + ",\"status\":201,\"id\":\"" + id +
         "\",\"position\":" + std::to_string(position.value) +
         (again ? ",\"replayed\":true}\n" : "}\n");
}
std::string refused(std::uint64_t line, const http::Response& problem) {
  return "{\"line\":" + std::to_string(line) + ",\"status\":" + std::to_string(problem.status) +
         ",\"problem\":" + problem.body + "}\n";
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == text.npos;
}

void look_up_row(LogLookup& log_lookup, std::uint64_t line, EventId id,
                 std::function<void(RowOutcome)> done) {
  log_lookup.find(id,
                  [line, id, done = std::move(done)](const std::optional<RecordedEvent>& event) {
                    if (!event) return done(NotDecided::outcome_unknown);
                    done(accepted(line, to_string(entity_of(event->event).id), id.position, true));
                  });
}

// What another instance says became of a row.
RowOutcome outcome_of(std::uint64_t line, http::Response answer) {
  if (answer.status == 200) return std::move(answer.body);
  const nlohmann::json problem = parse_json_if_valid(answer.body);
  const std::string code = problem.is_object() ? problem.value("code", "") : "";
  for (const NotDecided why :
       {NotDecided::not_ready, NotDecided::overloaded, NotDecided::key_in_flight,
        NotDecided::outcome_unknown, NotDecided::keys_full})
    if (code == problem_of(why).type.code) return why;
  return refused(line, answer);
}

}  // namespace

void take_row(Writer& writer, LogLookup& log_lookup, const ImportedRow& row,
              std::function<void(RowOutcome)> done) {
  const Body body{std::string(row.text)};
  Command command = row.to_command(body, *row.asker);
  const Timestamp at = time_of(command, system_now());
  Conditions conditions;
  if (row.keys) {
    KeyedRequest keyed = row.keys->of_row(row.line, row.text, body);
    conditions.key = keyed.key;
    conditions.former_keys = std::move(keyed.former);
  }
  writer.submit(
      {.command = std::move(command),
       .conditions = std::move(conditions),
       .at = at,
       .correlation = row.correlation,
       .asker = row.asker,
       .answer = [&log_lookup, line = row.line, done = std::move(done)](Outcome outcome) mutable {
         const auto* repeated = std::get_if<Repeated>(&outcome.result);
         if (repeated && !repeated->unscoped)
           return look_up_row(log_lookup, line, repeated->event, std::move(done));
         // What was imported while access control was off is nobody's: only clerks are told of it
         // again.
         if (repeated) outcome.result = Refusal(refusal::KeyReused{});
         if (const auto* recorded = std::get_if<Recorded>(&outcome.result))
           return done(accepted(line, id_of(recorded->entity), outcome.position, false));
         if (const auto* refusal = std::get_if<Refusal>(&outcome.result))
           return done(refused(line, problem_of(*refusal)));
         done(std::get<NotDecided>(outcome.result));
       }});
}

class Importer::Import : public std::enable_shared_from_this<Import> {
 public:
  Import(const Importer& importer, Order order, http::BodyStream body, http::Exchange exchange)
      : writer_(importer.writer_),
        log_lookup_(importer.log_lookup_),
        forwarder_(importer.forwarder_),
        options_(importer.options_),
        order_(std::move(order)),
        body_(std::move(body)),
        exchange_(std::move(exchange)) {}

  void run() {
    try {
      if (take_rows() && discard_rest() && write_out_all() && write_why()) exchange_->stream_end();
    } catch (const std::exception& bug) {
      log::error("an import failed: {}", bug.what());
    }
    // The writer may still hold some rows; the answer ends now, whole or cut off.
    exchange_.reset();
    const std::lock_guard lock(mutex_);
    done_ = true;
  }

  bool done() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }

 private:
  struct Row {
    std::uint64_t line;
    std::string text;  // until its result is known
    Clock::time_point patient_until;
    bool uncertain = false;  // it may have been executed: from here on only a decision settles it
    std::optional<std::string> result{};  // a line of the answer
  };

  struct Again {
    Clock::time_point at;
    std::uint64_t number;
  };

  // --- The import's thread. False: the client has gone, or a stop was requested. -----------------

  // Until the end of the body, or until continuing is pointless: then why_ says so.
  bool take_rows() {
    std::string begun;      // a row without its end
    bool too_long = false;  // the current row, up to the next line break, exceeds the limit
    while (!why_) {
      http::BodyPiece piece = next_piece();
      if (piece.kind == http::BodyPiece::Kind::lost) return why_.has_value();
      if (!std::exchange(answering_, true))
        exchange_->stream_start({.content_type = "application/x-ndjson"},
                                2 * options_.results_bytes);
      body_ended_ = piece.kind == http::BodyPiece::Kind::end;
      std::string_view rest = piece.bytes;
      for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
        begun.append(rest.substr(0, end));
        if (!take_line(std::exchange(begun, {}), std::exchange(too_long, false))) return false;
        if (why_) return true;
      }
      begun.append(rest);
      if (body_ended_) return take_line(std::move(begun), too_long);
      if (begun.size() > options_.row_bytes) {
        too_long = true;
        begun.clear();
      }
    }
    return true;
  }

  // The rest is of no use, but a client that is still sending does not read yet.
  bool discard_rest() {
    if (!why_) return true;
    allow_more_time();
    while (!body_ended_) {
      const http::BodyPiece piece = next_piece();
      if (piece.kind == http::BodyPiece::Kind::lost) return late_;
      body_ended_ = piece.kind == http::BodyPiece::Kind::end;
    }
    return true;
  }

  void allow_more_time() {
    deadline_ = Clock::now() + options_.rest_deadline;
    late_ = false;
  }

  // Also `lost` when the import was given up meanwhile.
  http::BodyPiece next_piece() {
    if (!std::exchange(asked_, true))
      body_.read([self = shared_from_this()](http::BodyPiece piece) {
        const std::lock_guard lock(self->mutex_);
        self->piece_ = std::move(piece);
        self->changed_.notify_one();
      });
    if (!wait_until([this] { return piece_.has_value(); })) return {};
    const std::lock_guard lock(mutex_);
    if (!piece_) return {};
    asked_ = false;
    return *std::exchange(piece_, std::nullopt);
  }

  bool take_line(std::string text, bool too_long) {
    too_long = too_long || text.size() > options_.row_bytes;
    if (!too_long && is_blank(text)) {
      ++line_;
      return true;
    }
    const auto has_room = [this] {
      return under_way_ < options_.rows_under_way && bytes_under_way_ < options_.bytes_under_way &&
             rows_.size() < 2 * options_.rows_under_way && results_.size() < results_piece &&
             again_.empty();
    };
    if (!wait_until(has_room)) return false;
    if (!order_.may_go_on())
      give_up(problems::unauthorized, "The access key or token no longer holds");
    if (why_) return true;
    ++line_;
    const std::size_t malformed_before = malformed_;
    std::uint64_t number;
    {
      const std::lock_guard lock(mutex_);
      number = first_ + rows_.size();
      rows_.push_back({.line = line_,
                       .text = too_long ? std::string() : text,
                       .patient_until = Clock::now() + options_.patience});
      ++under_way_;
      bytes_under_way_ += rows_.back().text.size();
    }
    if (too_long)
      refuse_as_malformed(
          number, line_,
          http::problem(problems::row_too_long,
                        "The row has more than " + std::to_string(options_.row_bytes) + " bytes."));
    else
      submit(number, line_, text);
    if (malformed_ == malformed_before) ++commands_;
    if (malformed_ > commands_ + options_.malformed_rows)
      give_up(problems::too_many_malformed_rows,
              std::to_string(malformed_) + " of " + std::to_string(malformed_ + commands_) +
                  " rows are not what is imported here, so the rest was not tried");
    return true;
  }

  bool write_out_all() {
    if (why_) allow_more_time();
    return wait_until([this] { return rows_.empty() && results_.empty(); }) && !late_;
  }

  bool write_why() {
    if (!why_) return true;
    if (answering_) return exchange_->stream_write(refused(line_, *why_));
    exchange_->respond(*why_);
    return false;
  }

  void give_up(const http::ProblemType& type, const std::string& why) {
    if (why_) return;
    why_ = http::problem(type, why + ". Nothing after line " + std::to_string(line_) +
                                   " was taken; send it again from there, or all of it with the "
                                   "same Idempotency-Key.");
  }

  // Sends results, and resubmits what the writer had no room for, until the condition, which is
  // evaluated under the lock, holds; or until waiting is pointless: see why_ and late_.
  template <class Condition>
  bool wait_until(Condition condition) {
    for (;;) {
      if (!submit_again()) return false;
      std::unique_lock lock(mutex_);
      collect_results();
      if (stop_ || exchange_->client_gone()) return false;
      const bool holds = condition();
      // Results are sent in large pieces, but nothing is held back before this thread waits.
      if (results_.size() >= results_piece || !holds) {
        lock.unlock();
        if (!send_results()) return false;
        lock.lock();
      }
      if (holds || condition()) return true;
      const auto now = Clock::now();
      if (now >= deadline_) {
        late_ = true;
        give_up(problems::import_too_slow, "The import took too long");
        return true;
      }
      const bool blocked = !results_.empty();
      if (!blocked) reads_at_ = now;
      if (blocked && !body_ended_ && !why_ && now - reads_at_ >= options_.reader_patience) {
        give_up(problems::results_unread,
                "Nobody is reading the results: read them while you send");
        return true;
      }
      const auto something = [&] {
        return stop_ || condition() || (!blocked && !rows_.empty() && rows_.front().result);
      };
      // Nothing signals that the client has read, so that is polled for.
      if (blocked || !again_.empty())
        changed_.wait_for(lock, retry_interval, something);
      else
        changed_.wait_until(lock, deadline_, [&] { return something() || !again_.empty(); });
    }
  }

  // REQUIRES: the lock is held.
  void collect_results() {
    while (!rows_.empty() && rows_.front().result && results_.size() < options_.results_bytes) {
      results_ += *rows_.front().result;
      rows_.pop_front();
      ++first_;
    }
  }

  // Sends as much as the client has room for.
  bool send_results() {
    for (;;) {
      const auto [posted, unread] = exchange_->stream_backlog();
      const std::size_t before = std::exchange(unread_, posted + unread);
      if (unread_ < before) reads_at_ = Clock::now();
      const std::size_t room = options_.results_bytes - std::min(options_.results_bytes, unread_);
      if (results_.empty() || room < std::min(results_piece, results_.size())) return true;
      reads_at_ = Clock::now();
      std::string piece = results_.substr(0, results_piece);
      results_.erase(0, piece.size());
      if (!exchange_->stream_write(std::move(piece))) return false;
    }
  }

  bool submit_again() {
    struct Due {
      std::uint64_t number, line;
      std::string text;
    };
    std::vector<Due> due;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return false;
      const auto now = Clock::now();
      std::erase_if(again_, [&](const Again& again) {
        if (again.at > now) return false;
        due.push_back({again.number, row(again.number).line, row(again.number).text});
        return true;
      });
    }
    for (const Due& again : due) submit(again.number, again.line, again.text);
    return true;
  }

  void submit(std::uint64_t number, std::uint64_t line, const std::string& text) {
    try {
      if (!writer_ || (forwarder_ && !forwarder_->decides_here()))
        return forward(number, line, text);
      take_row(*writer_, *log_lookup_,
               {order_.to_command, order_.asker, order_.keys, order_.correlation, line, text},
               [self = shared_from_this(), number](RowOutcome outcome) {
                 self->decided(number, std::move(outcome));
               });
    } catch (const Problem& problem) {
      refuse_as_malformed(number, line, problem);
    }
  }

  // What is no row is found out here.
  void forward(std::uint64_t number, std::uint64_t line, const std::string& text) {
    order_.to_command(Body(text), *order_.asker);
    forwarder_->forward({.service = order_.service,
                         .request = order_.request,
                         .body = text,
                         .asker = *order_.asker,
                         .row = line},
                        [self = shared_from_this(), number, line](http::Response answer) {
                          self->decided(number, outcome_of(line, std::move(answer)));
                        });
  }

  void refuse_as_malformed(std::uint64_t number, std::uint64_t line, const http::Response& why) {
    ++malformed_;
    const std::lock_guard lock(mutex_);
    set_result(row(number), refused(line, why));
  }

  // --- The writer's thread, the lookup's or the forwarder's
  // ---------------------------------------

  void decided(std::uint64_t number, RowOutcome outcome) {
    const std::lock_guard lock(mutex_);
    if (auto* result = std::get_if<std::string>(&outcome))
      set_result(row(number), std::move(*result));
    else
      not_decided(row(number), number, std::get<NotDecided>(outcome));
    wake_for(number);
  }

  // REQUIRES: the lock is held. A row with a key is retried until it is decided: any other answer
  // says nothing about the earlier request. Without a key, a retry could execute it twice.
  void not_decided(Row& of, std::uint64_t number, NotDecided why) {
    if (why == NotDecided::outcome_unknown || why == NotDecided::key_in_flight) of.uncertain = true;
    const bool may_ask_again =
        of.uncertain ? order_.keys.has_value() : why == NotDecided::overloaded;
    if (may_ask_again && Clock::now() < of.patient_until)
      again_.push_back({Clock::now() + (of.uncertain ? ask_again_after : retry_interval), number});
    else
      set_result(of,
                 refused(of.line, problem_of(of.uncertain ? NotDecided::outcome_unknown : why)));
  }

  // REQUIRES: the lock is held.
  Row& row(std::uint64_t number) { return rows_[static_cast<std::size_t>(number - first_)]; }
  void set_result(Row& of, std::string result) {
    of.result = std::move(result);
    bytes_under_way_ -= of.text.size();
    of.text = {};
    --under_way_;
  }
  // Results go out in order: only the first row's matters.
  void wake_for(std::uint64_t number) {
    if (number == first_ || !again_.empty()) changed_.notify_one();
  }

  Writer* const writer_;
  LogLookup* const log_lookup_;
  cluster::Forwarder* const forwarder_;
  const Options options_;
  const Order order_;
  const http::BodyStream body_;
  std::optional<http::Exchange> exchange_;  // while it runs
  Clock::time_point deadline_ = Clock::now() + options_.deadline;
  std::uint64_t line_ = 0;     // the last one looked at
  std::size_t commands_ = 0;   // rows given to the writer
  std::size_t malformed_ = 0;  // rows that are not commands
  bool answering_ = false;
  bool asked_ = false;  // for a piece of the body
  bool body_ended_ = false;
  std::optional<http::Response> why_;  // set once the import is given up
  bool late_ = false;                  // and nothing is waited for any more
  std::string results_;                // in order; the client had no room for them yet
  std::size_t unread_ = 0;             // of the results sent
  Clock::time_point reads_at_;         // when the client was last known to read

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Row> rows_;       // without a result, or with one that is not written yet
  std::uint64_t first_ = 0;    // number of the first row
  std::size_t under_way_ = 0;  // without a result
  std::size_t bytes_under_way_ = 0;
  std::vector<Again> again_;  // not decided, to be submitted again
  std::optional<http::BodyPiece> piece_;
  bool stop_ = false;
  bool done_ = false;
};

Importer::Importer(Writer* writer, LogLookup* log_lookup, cluster::Forwarder* forwarder,
                   Options options)
    : writer_(writer), log_lookup_(log_lookup), forwarder_(forwarder), options_(options) {}

Importer::~Importer() {
  stop();
}

void Importer::begin(Order order, http::BodyStream body, http::Exchange exchange) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [](Running& running) {
    if (!running.import->done()) return false;
    running.thread.join();
    return true;
  });
  // The imports of one service do not take the slots of the other, nor those of one asker all of
  // them.
  std::size_t same = 0, own = 0;
  for (const Running& running : running_) {
    if (running.to_command != order.to_command) continue;
    ++same;
    if (!order.asker->may_all && running.asker->id == order.asker->id) ++own;
  }
  if (stopped_ || same >= options_.most_imports || own >= (options_.most_imports + 1) / 2)
    return exchange.respond(problem_of(NotDecided::overloaded));
  const auto to_command = order.to_command;
  const Asker asker = order.asker;
  auto import =
      std::make_shared<Import>(*this, std::move(order), std::move(body), std::move(exchange));
  running_.push_back({to_command, asker, import, std::thread([import] {
                        ::pthread_setname_np(::pthread_self(), "import");
                        import->run();
                      })});
}

void Importer::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (Running& running : running_) {
    running.import->stop();
    running.thread.join();
  }
  running_.clear();
}

}  // namespace jangbu
