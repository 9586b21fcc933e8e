#include "api/cli/public_command.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/cli/settings.hpp"
#include "api/cli/tool.hpp"
#include "api/publishing/publisher.hpp"
#include "events/errors.hpp"
#include "infra/json.hpp"

namespace jangbu::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto stream_patience = 5s;

struct PublicFlags {
  JetStreamOptions log;
  std::string public_url;
  std::string from;
  bool json = false;
};

// The log and the public stream, which must be there.
struct Both {
  explicit Both(const PublicFlags& flags)
      : log(open_existing_log(flags.log)), stream(options_of(flags), stream_patience) {
    auto found = stream.find();
    if (!found)
      throw Failure("there is no stream " + public_stream_name(flags.log.stream) +
                    ": jangbu serve makes it, unless told --no-publisher. See --public-nats-url "
                    "(JANGBU_PUBLIC_NATS_URL) and --stream (JANGBU_STREAM)");
    state = std::move(*found);
  }

  static PublicStreamOptions options_of(const PublicFlags& flags) {
    return {.url = flags.public_url.empty() ? flags.log.url : flags.public_url,
            .stream = public_stream_name(flags.log.stream)};
  }

  std::unique_ptr<JetStreamLog> log;
  PublicStream stream;
  PublicStream::State state;
};

int show(const PublicFlags& flags) {
  Both both(flags);
  const std::string name = public_stream_name(flags.log.stream);
  const PublicStream::State& state = both.state;
  std::optional<LastPublished> last;
  std::string trouble;
  if (state.last > 0) try {
      last = read_last(both.stream, state);
      trouble = contradiction(*last, *both.log).value_or("");
    } catch (const Corrupt& corrupt) {
      trouble = corrupt.what();
    }
  const Position end = both.log->last();
  const Position position = last ? last->id.position : Position{};
  const auto readers = both.stream.readers();

  if (flags.json) {
    Json json{{"stream", name},
              {"firstSequence", state.first},
              {"lastSequence", state.last},
              {"messages", state.messages},
              {"bytes", state.bytes},
              {"logEnd", end.value}};
    if (last) json.add("lastEvent", to_string(last->id));
    if (!trouble.empty()) json.add("reason", trouble);
    Json consumers = Json::array();
    for (const auto& reader : readers)
      consumers.push_back(Json{{"name", reader.name}, {"pending", reader.pending}});
    json.add("consumers", consumers);
    print(json.text() + "\n");
  } else {
    print("Stream " + name + ": " + std::to_string(state.messages) + " messages, " +
          std::to_string(state.bytes) + " bytes, sequences " + std::to_string(state.first) +
          " to " + std::to_string(state.last) + "\n");
    print("Last event: " + (last ? to_string(last->id) : "none") + "; the log ends at " +
          std::to_string(end.value) + ", " +
          std::to_string(end.value - std::min(end, position).value) + " commits further\n");
    for (const auto& reader : readers)
      print("Consumer " + reader.name + ": " + std::to_string(reader.pending) +
            " messages to read\n");
    if (!trouble.empty()) print("Trouble: " + trouble + "\n");
  }
  return trouble.empty() ? 0 : 1;
}

bool has_its_place(Both& both) {
  try {
    read_last(both.stream, both.state);
    return true;
  } catch (const Corrupt&) {
    return false;
  }
}

int resume(const PublicFlags& flags) {
  Both both(flags);
  const EventId from = parse_event_id(flags.from).value();
  if (both.state.last == 0)
    throw Failure("the stream is new: a publisher begins it at --public-from by itself");
  if (has_its_place(both))
    throw Failure(
        "the stream's last message says where to go on, and a publisher does so by itself; this is "
        "for a stream that somebody purged or wrote to");
  if (const Position end = both.log->last(); from.position > end.next())
    throw Failure("event " + flags.from + " is not in the log, which ends at position " +
                  std::to_string(end.value));
  both.stream.resume(resume_note(from, both.state.last));
  print("A publisher that has stopped goes on from event " + flags.from +
        " within seconds. One that still knows its place goes on there.\n");
  return 0;
}

// Runs a tool; when a server is away, the error names the flags to check.
int run_with_stream(const std::function<int()>& tool) {
  return run_tool([&] {
    try {
      return tool();
    } catch (const Unavailable& away) {
      throw Failure(std::string(away.what()) +
                    ". See --public-nats-url (JANGBU_PUBLIC_NATS_URL) and --nats-url "
                    "(JANGBU_NATS_URL)");
    }
  });
}

}  // namespace

void add_public(CLI::App& app, int& status) {
  const auto flags = std::make_shared<PublicFlags>();
  CLI::App* tools =
      app.add_subcommand("public", "Look after the stream of public events that other teams read");
  tools->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(const PublicFlags&)) {
    CLI::App* command = tools->add_subcommand(name, description);
    add_log_flags(*command, flags->log);
    add_public_url_flag(*command, flags->public_url);
    on_run(*command,
           [&status, flags, run] { status = run_with_stream([&] { return run(*flags); }); });
    return command;
  };

  add("status",
      "Show how far it is, and what its durable consumers have yet to read; exit status 1 when the "
      "publisher cannot go on",
      show)
      ->add_flag("--json", flags->json, "For machines");
  add("resume",
      "Say where publishing goes on after somebody has purged the stream, and with its last "
      "message "
      "the publisher's place",
      resume)
      ->add_option(
          "--from", flags->from,
          "The first event to publish, such as 42.0: the one after the last that the other "
          "teams have had")
      ->required()
      ->check(check_event_id);
}

}  // namespace jangbu::cli
