#include "infra/eventlog/jetstream_gate.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "events/errors.hpp"
#include "infra/eventlog/server_urls.hpp"
#include "infra/eventlog/stream.hpp"
#include "infra/handle.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"
#include "infra/trouble.hpp"

namespace jangbu {

using namespace std::chrono_literals;
using nlohmann::json;
using Code = GateFinding::Code;

namespace {

// The server's default, four times the size at which the writer closes a commit of several events.
constexpr std::int64_t smallest_max_payload = 1024 * 1024;
constexpr std::chrono::seconds make_patience{30};

struct Version {
  std::array<int, 3> numbers{};
  bool release = true;

  friend auto operator<=>(const Version&, const Version&) = default;
};

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  for (std::size_t i = 0; i < version.numbers.size(); ++i) {
    if (i > 0) {
      if (!text.starts_with('.')) return std::nullopt;
      text.remove_prefix(1);
    }
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), version.numbers[i]);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  version.release = text.empty();
  return version;
}

std::size_t append_body(char* data, std::size_t, std::size_t size, void* body) noexcept {
  static_cast<std::string*>(body)->append(data, size);
  return size;
}

// The JSON object that a GET returns, or null with the reason in `why`.
json get_json(const std::string& url, std::chrono::milliseconds timeout, std::string& why) {
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Handle<CURL, curl_easy_cleanup> request(curl_easy_init());
  if (initialized != CURLE_OK || !request) throw Unavailable("libcurl cannot be initialized");
  std::string body;
  curl_easy_setopt(request.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(request.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(request.get(), CURLOPT_PROXY, "");  // the port is the server's own: no proxy
  curl_easy_setopt(request.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(request.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(request.get(), CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(request.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode result = curl_easy_perform(request.get());
  if (result != CURLE_OK) {
    why = curl_easy_strerror(result);
    return nullptr;
  }
  json answer = parse_json_if_valid(body);
  if (answer.is_object()) return answer;
  why = "it does not answer with JSON";
  return nullptr;
}

// Whether a setting has the value that means "off".
bool is_off(const json& value) {
  return value.is_null() || value == false || value == 0 || value == -1 || value == "" ||
         value == "none" || value == "default" || (value.is_structured() && value.empty());
}

std::vector<GateFinding> ask_monitor(const JetStreamOptions& options,
                                     const std::string& server_id) {
  const auto unknown = [](const std::string& why) -> std::vector<GateFinding> {
    return {{Code::monitor_unreachable,
             "Whether the NATS server keeps what it acknowledges cannot be told: " + why, true}};
  };
  if (options.monitor_url.empty()) return unknown("the URL of its monitoring port is not given");
  std::string why;
  const json varz = get_json(options.monitor_url + "/varz", options.request_timeout, why);
  if (varz.is_null())
    return unknown(without_credentials(options.monitor_url) + " does not answer (" + why +
                   "). The server's configuration must have a line such as `http: "
                   "\"127.0.0.1:8222\"`, and the URL must name it");
  if (varz.value("server_id", std::string()) != server_id)
    return unknown(without_credentials(options.monitor_url) +
                   " belongs to another server than the one at the NATS URL");
  return judge_server(varz);
}

}  // namespace

std::string_view to_string(Code code) {
  switch (code) {
    case Code::monitor_unreachable:
      return "monitor-unreachable";
    case Code::server_too_old:
      return "server-too-old";
    case Code::fsync_not_always:
      return "fsync-not-always";
    case Code::payload_too_small:
      return "payload-too-small";
    case Code::jetstream_off:
      return "jetstream-off";
    case Code::stream_differs:
      return "stream-differs";
    case Code::subject_taken:
      return "subject-taken";
    case Code::commits_missing:
      return "commits-missing";
    case Code::foreign_messages:
      return "foreign-messages";
  }
  invariant(false, "every finding has a name");
  return {};
}

std::string complaint_of_server(const JetStreamOptions& options) {
  constexpr auto patience = 200ms;  // the writer is waiting meanwhile
  if (options.monitor_url.empty()) return {};
  std::string unused;
  const json health = get_json(options.monitor_url + "/healthz", patience, unused);
  return health.is_null() ? std::string() : health.value("error", std::string());
}

bool version_at_least(std::string_view version, std::string_view minimum) {
  const auto found = parse_version(version);
  return found && *found >= *parse_version(minimum);
}

std::vector<GateFinding> judge_server(const json& varz) {
  std::vector<GateFinding> findings;
  const auto version = varz.value("version", std::string());
  if (!version_at_least(version, JetStreamLog::minimum_version))
    findings.push_back({Code::server_too_old,
                        "The NATS server is version " + version + "; before " +
                            std::string(JetStreamLog::minimum_version) +
                            " a failed fsync goes unnoticed. Install a newer nats-server",
                        true});
  if (!varz.contains(json::json_pointer("/jetstream/config"))) {
    findings.push_back(
        {Code::jetstream_off,
         "JetStream is off in the NATS server. Its configuration must have a block "
         "such as `jetstream { store_dir: '/var/lib/nats', sync_interval: always }`"});
  } else if (!varz.value(json::json_pointer("/jetstream/config/sync_always"), false)) {
    findings.push_back({Code::fsync_not_always,
                        "The NATS server acknowledges before fsync: a loss of power loses "
                        "acknowledged purchases. Put `sync_interval: always` into the jetstream "
                        "block of its configuration and restart it",
                        true});
  }
  return findings;
}

json stream_config(const JetStreamOptions& options, const std::string& subject) {
  return {
      {"name", options.stream}, {"subjects", {subject}},      {"storage", "file"},
      {"retention", "limits"},  {"discard", "new"},           {"max_age", 0},
      {"max_bytes", -1},        {"max_consumers", -1},        {"max_msg_size", -1},
      {"max_msgs", -1},         {"max_msgs_per_subject", -1}, {"num_replicas", options.replicas},
      {"allow_direct", true},   {"deny_delete", true},        {"deny_purge", true}};
}

std::vector<std::string> config_differences(const json& wanted, const json& found) {
  static constexpr std::array<std::string_view, 4> harmless = {"description", "duplicate_window",
                                                               "metadata", "placement"};
  std::vector<std::string> differences;
  const auto differ = [&](const std::string& key, const std::string& must) {
    differences.push_back(key + " is " + json_text(found.value(key, json())) + ", must be " + must);
  };
  for (const auto& [key, value] : wanted.items())
    if (found.value(key, json()) != value) differ(key, json_text(value));
  for (const auto& [key, value] : found.items())
    if (!wanted.contains(key) && std::ranges::find(harmless, key) == harmless.end() &&
        !is_off(value))
      differ(key, "off");
  return differences;
}

std::vector<GateFinding> JetStreamLog::inspect() {
  Stream& stream = *stream_;
  const std::string called = stream.called();
  std::vector<GateFinding> findings = ask_monitor(stream.options, stream.connection.server_id());

  if (const auto max = stream.connection.max_payload(); max < smallest_max_payload)
    findings.push_back({Code::payload_too_small,
                        "The NATS server takes messages of " + std::to_string(max) +
                            " bytes at most. Put `max_payload: 1MB` into its configuration"});

  const auto answer = stream.api.try_call("STREAM.INFO." + stream.name(), nullptr);
  const int error = answer ? error_code(*answer) : 0;
  if (!answer || error == api_error::not_enabled || error == api_error::not_enabled_for_account) {
    if (std::ranges::none_of(findings, [](auto& f) { return f.code == Code::jetstream_off; }))
      findings.push_back({Code::jetstream_off,
                          "JetStream does not answer: it is off in the NATS server, or for the "
                          "account of the user in the URL"});
    return findings;
  }

  if (error == api_error::stream_not_found) {
    const json takers = stream.api.call("STREAM.NAMES", {{"subject", stream.subject}});
    if (const json names = takers.value("streams", json()); !names.empty())
      findings.push_back({Code::subject_taken, "The subject " + stream.subject +
                                                   " belongs to the stream " +
                                                   names.front().get<std::string>() +
                                                   " already. Choose another stream name"});
    return findings;
  }
  if (error != 0) throw Unavailable(called + ": " + error_text(*answer));

  std::string list;
  for (const auto& difference :
       config_differences(stream_config(stream.options, stream.subject), answer->at("config")))
    list.append(list.empty() ? "" : "; ").append(difference);
  if (!list.empty())
    findings.push_back(
        {Code::stream_differs, "The " + called + " was created differently: " + list +
                                   ". Nothing was changed. Choose another stream name, or put this "
                                   "right with `nats stream edit " +
                                   stream.name() + "` if it is Jangbu's"});

  const json& state = answer->at("state");
  const auto messages = state.at("messages").get<std::uint64_t>();
  const auto last = state.at("last_seq").get<std::uint64_t>();
  if (messages != last) {
    findings.push_back({Code::commits_missing,
                        "The " + called + " holds " + std::to_string(messages) + " of " +
                            std::to_string(last) +
                            " messages: some were deleted, and a log with holes cannot be "
                            "replayed. Restore it from a backup, or choose another stream name"});
  } else if (last > 0) {
    try {
      for (const Position end : {Position{1}, Position{last}})
        if (!stream.get(end)) {
          findings.push_back({Code::commits_missing,
                              "The " + called + " has a message " + std::to_string(end.value) +
                                  " that its server cannot read: its files are damaged. Restore "
                                  "it from a backup (docs/backup.md)"});
          break;
        }
    } catch (const Corrupt& foreign) {
      findings.push_back({Code::foreign_messages, std::string("Someone else uses the stream: ") +
                                                      foreign.what() +
                                                      ". Choose another stream name"});
    }
  }
  return findings;
}

void JetStreamLog::create_stream() {
  Stream& stream = *stream_;
  const json info = stream.api.call("STREAM.INFO." + stream.name(), nullptr);
  if (error_code(info) == 0) return;
  if (error_code(info) != api_error::stream_not_found)
    throw Unavailable(stream.called() + ": " + error_text(info));

  const json wanted = stream_config(stream.options, stream.subject);
  // Creating a stream makes the server flush several files, which takes longer than any other call
  // on a busy disk. Retrying is safe: a stream created by a call whose answer came late is not
  // created again.
  const json made = [&] {
    Trouble trouble("making " + stream.called());
    for (const auto deadline = std::chrono::steady_clock::now() + make_patience;;) {
      try {
        return stream.api.call("STREAM.CREATE." + stream.name(), wanted);
      } catch (const Unavailable& late) {
        if (std::chrono::steady_clock::now() >= deadline) throw;
        std::this_thread::sleep_for(trouble.failed(late.what()));
      }
    }
  }();
  if (error_code(made) != 0) {
    const std::string text = stream.called() + " cannot be created: " + error_text(made);
    if (made.value(json::json_pointer("/error/code"), 0) >= 500) throw Unavailable(text);
    throw Corrupt(text);
  }
  // Servers silently drop settings that they do not know.
  const auto differences = config_differences(wanted, made.at("config"));
  if (!differences.empty())
    throw Corrupt("the NATS server made something else of " + stream.called() + ": " +
                  differences.front() + ". Use a newer nats-server");
}

}  // namespace jangbu
