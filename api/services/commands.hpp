// From a request that asks for something to be done to its answer, through the writer.
//
// Threads: called on HTTP workers, and never waits; answers come from the writer's thread, the read
// models' or the log lookup's, and are put into JSON on the worker again.
// REQUIRES: a backend that takes commands.
#pragma once

#include <string_view>

#include "api/answers/documents.hpp"
#include "api/http/body_stream.hpp"
#include "api/http/exchange.hpp"
#include "api/http/message.hpp"
#include "api/requests/body.hpp"
#include "api/services/service.hpp"
#include "commands/command.hpp"

namespace jangbu {

// Hands the command to the writer, and answers with what becomes of it: 201 when it `creates`, 200
// otherwise, or the refusal's problem.
void execute(const Backend& backend, const http::Request& request, const http::Exchange& exchange,
             Command command, const Resource& resource, bool creates = false);

// Asks the writer for an offer, and answers with it as a signed quote.
void ask_for_quote(const Backend& backend, const http::Exchange& exchange, RequestQuote command);

// Carries out one command for each row of the body; Problem 415 when it is not NDJSON.
void import_rows(const Backend& backend, const http::Request& request, const http::BodyStream& body,
                 const http::Exchange& exchange, Command (*to_command)(Body row));

inline constexpr std::string_view rows_description =
    "Takes one row a line, each the body of a single such request, up to 64 MiB of them and 64 KiB "
    "each, and answers with one result a row, in order, while it goes on: `201` with the new id, "
    "or a problem, which does not stop the rest. Blank lines are skipped. With an Idempotency-Key "
    "each row has a key of its own, made of it and the row's line number: sent again, rows that "
    "were taken give their first answer, `replayed`; and a row whose outcome is unknown for a "
    "while is asked for again until it is decided.\n\n"
    "Read the results while you send: no more rows are taken while 256 KiB of results are unread. "
    "An import is given up, with a last row that says why and at which line, when nothing is read "
    "for 30 seconds while there is more to send (`results-unread`), when rows that cannot be read "
    "as what is imported outnumber the others by 100 (`too-many-malformed-rows`), and after 15 "
    "minutes (`import-too-slow`). A body that comes with less than 16 KiB a second, and an answer "
    "that is not read any more, are cut off: without the last chunk some results are missing. Four "
    "imports of accounts and four of products run at a time, more get `overloaded`.";

}  // namespace jangbu
