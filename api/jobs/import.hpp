// Bulk import: turns rows of NDJSON into commands, with one result per row, in the order of the
// rows, while more rows arrive.
//
// Each import has its own thread, so that neither an HTTP worker nor the writer waits for it. It
// keeps a bounded number of rows with the writer, so that a commit carries many of them and other
// commands still find room in the queue. It takes the next piece of the body only once the writer
// has the earlier rows and the client their results, apart from a bounded part.
//
// It gives up when continuing is pointless: when the rows are not of the kind imported here, when
// nobody reads the results, when it takes too long; and when its asker is no longer let in. A last
// line then says why, and the line after which nothing was taken. The rest of the body is
// discarded, so that a client that sends everything before it reads still gets to read that line.
//
// Threads: begin() on HTTP workers; stop() by the owner, once. Ownership: the writer, the lookup
// and the forwarder must outlive it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "api/http/body_stream.hpp"
#include "api/http/exchange.hpp"
#include "api/http/limits.hpp"
#include "api/log/log_lookup.hpp"
#include "api/requests/body.hpp"
#include "api/requests/command_key.hpp"
#include "commands/writer.hpp"

namespace jangbu::cluster {
class Forwarder;
}

namespace jangbu {

// Turns a row's body, or a request's, into this asker's command; throws Problem.
using ToCommand = Command (*)(Body body, const Principal& asker);

// A row of an import, on its way to the writer.
struct ImportedRow {
  ToCommand to_command;
  Asker asker;
  const std::optional<RowKeys>& keys;
  std::string correlation;
  std::uint64_t line;
  std::string_view text;
};

// What became of it: its line of the import's answer, or why there is none yet.
using RowOutcome = std::variant<std::string, NotDecided>;

// Has the writer decide a row. Throws Problem if it is not one. `done` is called once, on the
// thread of the writer or of the lookup, or at once.
void take_row(Writer& writer, LogLookup& log_lookup, const ImportedRow& row,
              std::function<void(RowOutcome)> done);

class Importer {
 public:
  struct Options {
    // At the same time per service, and half of them for one asker; further ones are turned away.
    std::size_t most_imports = 4;
    std::size_t rows_under_way = 1'000;
    std::size_t bytes_under_way = http::mib;  // of these rows
    std::size_t row_bytes = 64 * http::kib;
    // The import waits for a client that leaves this much unread, and this long if it reads
    // nothing.
    std::size_t results_bytes = 256 * http::kib;
    std::chrono::milliseconds reader_patience{30'000};
    // How many more malformed rows than others are tolerated.
    std::size_t malformed_rows = 100;
    // The time limits of the whole import, and of discarding the rest of the body.
    std::chrono::milliseconds deadline{900'000};
    std::chrono::milliseconds rest_deadline{30'000};
    // How long a row waits for room in the writer's queue, or for its outcome to be known.
    std::chrono::milliseconds patience{30'000};
  };

  struct Order {
    std::string_view service;
    http::Request request;  // without its body, for rows that are decided elsewhere
    ToCommand to_command;
    Asker asker;
    // Asked before each row: whether the asker is still let in.
    std::function<bool()> may_go_on = [] { return true; };
    std::optional<RowKeys> keys;
    std::string correlation;
  };

  // Where rows are decided: by this instance's own writer, or, while another instance is active, by
  // that one. Without a forwarder always here; without a writer and a lookup (null) always there.
  Importer(Writer* writer, LogLookup* log_lookup, cluster::Forwarder* forwarder, Options options);
  Importer(Writer& writer, LogLookup& log_lookup, Options options)
      : Importer(&writer, &log_lookup, nullptr, options) {}
  Importer(Writer& writer, LogLookup& log_lookup) : Importer(writer, log_lookup, Options{}) {}
  ~Importer();
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // Answers with 200 and the results as they come, or with 503 when too many imports of the same
  // kind are running. When the client disconnects, reading ends; what was given to the writer
  // stands.
  void begin(Order order, http::BodyStream body, http::Exchange exchange);

  // Gives up the running imports: their answers are cut off. New ones are turned away.
  void stop();

 private:
  class Import;
  struct Running {
    ToCommand to_command;
    Asker asker;
    std::shared_ptr<Import> import;
    std::thread thread;
  };

  Writer* const writer_;
  LogLookup* const log_lookup_;
  cluster::Forwarder* const forwarder_;
  const Options options_;
  std::mutex mutex_;
  std::vector<Running> running_;
  bool stopped_ = false;
};

}  // namespace jangbu
