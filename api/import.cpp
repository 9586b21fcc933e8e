#include "api/import.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <utility>

#include "api/problem_types.hpp"
#include "api/problems.hpp"
#include "infra/ids.hpp"

namespace jangbu {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto retry_interval = 10ms;
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

}  // namespace

class Importer::Import : public std::enable_shared_from_this<Import> {
 public:
  Import(const Importer& importer, Order order, http::BodyStream body, http::Exchange exchange)
      : writer_(importer.writer_),
        log_lookup_(importer.log_lookup_),
        options_(importer.options_),
        order_(std::move(order)),
        body_(std::move(body)),
        exchange_(std::move(exchange)) {}

  void run() {
    try {
      if (take_rows() && write_out_all()) exchange_->stream_end();
    } catch (const std::exception& bug) {
      spdlog::error("an import failed: {}", bug.what());
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
    std::string text;  // until its result is there
    Clock::time_point patient_until;
    std::optional<std::string> result{};  // a line of the answer
  };

  // --- The import's thread. False: the client has gone, or a stop was asked for. -----------------

  bool take_rows() {
    std::string begun;      // a row without its end
    bool too_long = false;  // what comes up to the next line break belongs to a row like that
    bool answering = false;
    for (;;) {
      http::BodyPiece piece = next_piece();
      if (piece.kind == http::BodyPiece::Kind::lost) return false;
      if (!std::exchange(answering, true))
        exchange_->stream_start({.content_type = "application/x-ndjson"}, options_.results_bytes);
      std::string_view rest = piece.bytes;
      for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
        begun.append(rest.substr(0, end));
        if (!take_line(std::exchange(begun, {}), std::exchange(too_long, false))) return false;
      }
      begun.append(rest);
      if (piece.kind == http::BodyPiece::Kind::end) return take_line(std::move(begun), too_long);
      if (begun.size() > options_.row_bytes) {
        too_long = true;
        begun.clear();
      }
      if (!write_out()) return false;
    }
  }

  http::BodyPiece next_piece() {
    body_.read([self = shared_from_this()](http::BodyPiece piece) {
      const std::lock_guard lock(self->mutex_);
      self->piece_ = std::move(piece);
      self->changed_.notify_one();
    });
    for (;;) {
      std::unique_lock lock(mutex_);
      wait(lock, [this] { return piece_.has_value(); });
      if (stop_) return {};
      if (piece_) return *std::exchange(piece_, std::nullopt);
      // Rows were finished meanwhile: their results need not wait for the next piece.
      lock.unlock();
      if (!write_out()) return {};
    }
  }

  bool take_line(std::string text, bool too_long) {
    ++line_;
    too_long = too_long || text.size() > options_.row_bytes;
    if (!too_long && is_blank(text)) return true;
    if (!wait_for_room()) return false;
    std::uint64_t number;
    {
      const std::lock_guard lock(mutex_);
      number = first_ + rows_.size();
      rows_.push_back(
          {.line = line_, .text = {}, .patient_until = Clock::now() + options_.patience});
      if (too_long) {
        rows_.back().result =
            refused(line_, http::problem(problems::row_too_long,
                                         "The row has more than " +
                                             std::to_string(options_.row_bytes) + " bytes."));
        return true;
      }
      rows_.back().text = text;
      ++under_way_;
    }
    submit(number, line_, text);
    return true;
  }

  bool wait_for_room() {
    for (;;) {
      if (!write_out()) return false;
      std::unique_lock lock(mutex_);
      if (under_way_ < options_.rows_under_way && again_.empty()) return true;
      wait(lock, [this] { return under_way_ < options_.rows_under_way && again_.empty(); });
    }
  }

  bool write_out_all() {
    for (;;) {
      if (!write_out()) return false;
      std::unique_lock lock(mutex_);
      if (rows_.empty()) return true;
      wait(lock, [] { return false; });
    }
  }

  // Until what is waited for is there, a row's turn has come, or the import is stopped.
  template <class Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition condition) {
    const auto something = [&] {
      return stop_ || condition() || (!rows_.empty() && rows_.front().result);
    };
    if (again_.empty())
      changed_.wait(lock, [&] { return something() || !again_.empty(); });
    else
      changed_.wait_for(lock, retry_interval, something);
  }

  // Writes the results that are next in order, and gives the writer again what it had no room for.
  bool write_out() {
    std::vector<std::pair<std::uint64_t, std::string>> again;  // number, text
    std::string results;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return false;
      while (!rows_.empty() && rows_.front().result && results.size() < results_piece) {
        results += *rows_.front().result;
        rows_.pop_front();
        ++first_;
      }
      for (const std::uint64_t number : std::exchange(again_, {}))
        again.emplace_back(number, row(number).text);
    }
    for (const auto& [number, text] : again) {
      std::uint64_t line;
      {
        const std::lock_guard lock(mutex_);
        line = row(number).line;
      }
      submit(number, line, text);
    }
    if (results.empty()) return !exchange_->client_gone();
    return exchange_->stream_write(std::move(results)) && write_out();
  }

  void submit(std::uint64_t number, std::uint64_t line, const std::string& text) {
    try {
      Command command = order_.to_command(Body(text));
      const Timestamp at = time_of(command, system_now());
      Submission submission{.command = std::move(command),
                            .conditions = {},
                            .at = at,
                            .correlation = order_.correlation,
                            .actor = {},
                            .answer = [self = shared_from_this(), number](Outcome outcome) {
                              self->decided(number, std::move(outcome));
                            }};
      if (order_.keys) {
        const KeyedRequest keyed = order_.keys->of_row(line, text);
        submission.conditions.key = keyed.key;
        submission.conditions.former_key = keyed.former;
      }
      writer_.submit(std::move(submission));
    } catch (const Problem& problem) {
      finish(number, refused(line, problem.response));
    }
  }

  // --- The writer's thread, or the lookup's ------------------------------------------------------

  void decided(std::uint64_t number, Outcome outcome) {
    if (const auto* repeated = std::get_if<Repeated>(&outcome.result)) {
      log_lookup_.find(repeated->event, [self = shared_from_this(), number, id = repeated->event](
                                            const std::optional<RecordedEvent>& event) {
        self->found(number, id, event);
      });
      return;
    }
    const std::lock_guard lock(mutex_);
    Row& decided = row(number);
    if (const auto* recorded = std::get_if<Recorded>(&outcome.result)) {
      set_result(decided, accepted(decided.line, id_of(recorded->entity), outcome.position, false));
    } else if (const auto* refusal = std::get_if<Refusal>(&outcome.result)) {
      set_result(decided, refused(decided.line, to_response(*refusal)));
    } else {
      const auto why = std::get<NotDecided>(outcome.result);
      if (why == NotDecided::overloaded && Clock::now() < decided.patient_until)
        again_.push_back(number);
      else
        set_result(decided, refused(decided.line, to_response(why)));
    }
    wake_for(number);
  }

  void found(std::uint64_t number, EventId id, const std::optional<RecordedEvent>& event) {
    const std::lock_guard lock(mutex_);
    Row& repeated = row(number);
    if (event)
      set_result(repeated,
                 accepted(repeated.line, to_string(entity_of(event->event).id), id.position, true));
    else
      set_result(repeated, refused(repeated.line, to_response(NotDecided::outcome_unknown)));
    wake_for(number);
  }

  void finish(std::uint64_t number, std::string result) {
    const std::lock_guard lock(mutex_);
    set_result(row(number), std::move(result));
  }

  // REQUIRES the lock.
  Row& row(std::uint64_t number) { return rows_[static_cast<std::size_t>(number - first_)]; }
  void set_result(Row& of, std::string result) {
    of.result = std::move(result);
    of.text = {};
    --under_way_;
  }
  // Results go out in order: only the first row's makes a difference.
  void wake_for(std::uint64_t number) {
    if (number == first_ || !again_.empty()) changed_.notify_one();
  }

  Writer& writer_;
  LogLookup& log_lookup_;
  const Options options_;
  const Order order_;
  const http::BodyStream body_;
  std::optional<http::Exchange> exchange_;  // while it runs
  std::uint64_t line_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Row> rows_;              // that have no result yet, or whose result is not written
  std::uint64_t first_ = 0;           // number of the first of them
  std::size_t under_way_ = 0;         // without a result
  std::vector<std::uint64_t> again_;  // the writer had no room for them
  std::optional<http::BodyPiece> piece_;
  bool stop_ = false;
  bool done_ = false;
};

Importer::Importer(Writer& writer, LogLookup& log_lookup, Options options)
    : writer_(writer), log_lookup_(log_lookup), options_(options) {}

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
  if (stopped_ || running_.size() >= options_.most_imports)
    return exchange.respond(to_response(NotDecided::overloaded));
  auto import =
      std::make_shared<Import>(*this, std::move(order), std::move(body), std::move(exchange));
  running_.push_back({import, std::thread([import] {
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
