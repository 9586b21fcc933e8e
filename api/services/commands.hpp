// From a request to change something to its answer, through the writer.
//
// Threads: called on HTTP workers, and never waits; answers come from the threads of the writer,
// the read models or the log lookup, and are put into JSON back on the worker. REQUIRES: a backend
// that takes commands.
#pragma once

#include <string_view>

#include "api/answers/documents.hpp"
#include "api/http/body_stream.hpp"
#include "api/jobs/import.hpp"
#include "api/services/service.hpp"
#include "commands/command.hpp"

namespace jangbu {

// Hands the command to the writer, and answers with the outcome: 201 when it `creates`, 200
// otherwise, or the refusal's problem.
void execute(const Call& call, Command command, const Resource& resource, bool creates = false);

// Asks the writer for an offer, and answers with a signed quote for it.
void ask_for_quote(const Call& call, RequestQuote command);

// Executes one command of this service for each row of the body; Problem 415 when it is not NDJSON.
void import_rows(const Call& call, const http::BodyStream& body, std::string_view service,
                 ToCommand to_command);

inline constexpr std::string_view rows_description =
    "One row per line, each the body of a single such request, at most 64 KiB per row and 64 MiB "
    "in all. There is one result per row, in order, sent while the import runs: `201` with the new "
    "id, or a problem, which does not stop the rest. Blank lines are skipped. An Idempotency-Key, "
    "together with its line number, gives each row its own key: when rows are sent again, those "
    "already taken get their first answer, `replayed`, and a row whose outcome is not known yet is "
    "retried until it is.\n\n"
    "Read the results while you send: no more rows are taken while 256 KiB of results are unread. "
    "An import is given up, with a last row that says why and at which line, when nothing is read "
    "for 30 seconds while there is more to send (`results-unread`), when malformed rows outnumber "
    "the others by more than 100 (`too-many-malformed-rows`), after 15 minutes "
    "(`import-too-slow`), and when the access key or token that it came with no longer holds "
    "(`unauthorized`). A body that arrives at less than 16 KiB a second, or an answer that "
    "nobody reads, is cut off: if the last chunk is missing, so are results. Four imports of "
    "accounts and four of products can run at once, two of each for one asker; more get "
    "`overloaded`.";

}  // namespace jangbu
