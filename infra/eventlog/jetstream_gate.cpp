#include "infra/eventlog/jetstream_gate.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>
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
using Weight = GateFinding::Weight;

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

// The URLs of monitoring ports, without what people put around commas.
std::vector<std::string> monitor_urls(const JetStreamOptions& options) {
  std::vector<std::string> urls;
  std::string_view rest = options.monitor_url;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string url(rest.substr(0, comma));
    std::erase(url, ' ');
    if (!url.empty()) urls.push_back(std::move(url));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return urls;
}

std::vector<Monitored> ask_servers(const JetStreamOptions& options) {
  std::vector<Monitored> servers;
  for (const std::string& url : monitor_urls(options)) {
    Monitored server{.url = without_credentials(url)};
    server.varz = get_json(url + "/varz", options.request_timeout, server.why);
    servers.push_back(std::move(server));
  }
  return servers;
}

std::string server_name(const json& varz) {
  return varz.value("server_name", std::string());
}

// "The NATS server", and which, where there are several.
std::string called(const json& varz) {
  return "The NATS server" + (varz.contains(json::json_pointer("/cluster/name"))
                                  ? " " + server_name(varz)
                                  : std::string());
}

// The message number at which a server's copy of the stream ends.
std::optional<Position> end_of_copy(const json& jsz, const std::string& stream,
                                    const std::string& made) {
  for (const json& account : jsz.value("account_details", json::array()))
    for (const json& copy : account.value("stream_detail", json::array()))
      if (copy.value("name", std::string()) == stream &&
          copy.value("created", std::string()) == made)
        return Position{copy.at("state").value("last_seq", std::uint64_t{0})};
  return std::nullopt;
}

constexpr const char* cannot_be_told = "Whether NATS keeps what it acknowledges cannot be told: ";

}  // namespace

std::string_view to_string(Code code) {
  switch (code) {
    case Code::monitor_unreachable:
      return "monitor-unreachable";
    case Code::server_not_asked:
      return "server-not-asked";
    case Code::server_away:
      return "server-away";
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
  constexpr auto patience = 200ms;  // for all: the writer is waiting meanwhile
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (const std::string& url : monitor_urls(options)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left < 1ms) break;
    std::string unused;
    const json health = get_json(url + "/healthz", left, unused);
    std::string complaint = health.is_null() ? "" : health.value("error", std::string());
    if (!complaint.empty()) return complaint;
  }
  return {};
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
                        called(varz) + " is version " + version + "; before " +
                            std::string(JetStreamLog::minimum_version) +
                            " a failed fsync goes unnoticed. Install a newer nats-server",
                        Weight::weak_durability});
  if (!varz.contains(json::json_pointer("/jetstream/config"))) {
    findings.push_back(
        {Code::jetstream_off,
         called(varz) +
             " has JetStream off. Its configuration must have a block "
             "such as `jetstream { store_dir: '/var/lib/nats', sync_interval: always }`"});
  } else if (!varz.value(json::json_pointer("/jetstream/config/sync_always"), false)) {
    findings.push_back({Code::fsync_not_always,
                        called(varz) +
                            " acknowledges before fsync: a loss of power loses acknowledged "
                            "purchases. Put `sync_interval: always` into the jetstream block of "
                            "its configuration and restart it",
                        Weight::weak_durability});
  }
  return findings;
}

std::vector<GateFinding> judge_servers(const std::vector<Monitored>& servers,
                                       const std::string& connected,
                                       const std::vector<std::string>& peers) {
  if (servers.empty())
    return {{Code::monitor_unreachable,
             std::string(cannot_be_told) + "the URL of its monitoring port is not given",
             Weight::weak_durability}};
  std::vector<GateFinding> findings;
  std::vector<const Monitored*> silent;
  std::vector<std::string> known;
  std::size_t cluster_size = 1;
  bool is_connected_known = false;
  for (const Monitored& server : servers) {
    if (server.varz.is_null()) {
      silent.push_back(&server);
      continue;
    }
    for (GateFinding& finding : judge_server(server.varz)) findings.push_back(std::move(finding));
    known.push_back(server_name(server.varz));
    cluster_size = std::max(
        cluster_size,
        server.varz.value(json::json_pointer("/jetstream/meta/cluster_size"), std::size_t{1}));
    is_connected_known |= server.varz.value("server_id", std::string()) == connected;
  }
  if (!is_connected_known && silent.empty()) {
    const bool one = servers.size() == 1;
    findings.insert(findings.begin(),
                    {Code::monitor_unreachable,
                     cannot_be_told +
                         (one ? servers.front().url + " belongs to another server"
                              : std::string("the monitoring URLs belong to others")) +
                         " than the one at the NATS URL",
                     Weight::weak_durability});
    return one ? std::vector{findings.front()} : findings;
  }

  std::vector<std::string> unknown;
  std::ranges::copy_if(peers, std::back_inserter(unknown), [&](const std::string& peer) {
    return std::ranges::find(known, peer) == known.end();
  });
  if (peers.empty() ? cluster_size > servers.size() : unknown.size() > silent.size()) {
    const std::string who = peers.empty()
                                ? "the cluster has " + std::to_string(cluster_size) + " servers"
                                : "the stream is also kept by " + unknown.back();
    findings.push_back({Code::server_not_asked,
                        cannot_be_told + who +
                            ", and not all are asked. --nats-monitor-url (JANGBU_NATS_MONITOR_URL) "
                            "must name the monitoring URL of each server, separated by commas",
                        Weight::weak_durability});
  }
  // While one of several is away, the others make up the majority that acknowledges. It is judged
  // when it is back: see ask_servers_of().
  const bool is_enough =
      is_connected_known && !peers.empty() && 2 * (peers.size() - unknown.size()) > peers.size();
  for (const Monitored* server : silent)
    findings.push_back(
        is_enough ? GateFinding{Code::server_away,
                                server->url + " does not answer (" + server->why +
                                    "): what its server keeps of the log cannot be vouched for. "
                                    "The others are a majority and are fit, so the log is used",
                                Weight::warning}
                  : GateFinding{Code::monitor_unreachable,
                                cannot_be_told + server->url + " does not answer (" + server->why +
                                    "). The server's configuration must have a line such as `http: "
                                    "\"127.0.0.1:8222\"`, and the URL must name it",
                                Weight::weak_durability});
  return findings;
}

void ask_servers_of(Replicas& replicas, const JetStreamOptions& options) {
  for (const std::string& url : monitor_urls(options)) {
    std::string unused;
    const json varz = get_json(url + "/varz", options.request_timeout, unused);
    if (varz.is_null()) continue;
    const auto replica = std::ranges::find(replicas.each, server_name(varz), &Replica::server);
    if (replica == replicas.each.end()) continue;
    for (const GateFinding& finding : judge_server(varz)) replica->weakness = finding.text;
    const json jsz = get_json(url + "/jsz?streams=1", options.request_timeout, unused);
    if (!jsz.is_null()) replica->end = end_of_copy(jsz, options.stream, replicas.made);
  }
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
  const std::vector<Monitored> servers = ask_servers(stream.options);
  const auto answer = stream.api.try_call("STREAM.INFO." + stream.name(), nullptr);
  const int error = answer ? error_code(*answer) : 0;
  std::vector<std::string> peers;
  if (answer && error == 0)
    for (Replica& replica : replicas_of(*answer).each) peers.push_back(std::move(replica.server));
  std::vector<GateFinding> findings = judge_servers(servers, stream.connection.server_id(), peers);

  if (const auto max = stream.connection.max_payload(); max < smallest_max_payload)
    findings.push_back({Code::payload_too_small,
                        "The NATS server takes messages of " + std::to_string(max) +
                            " bytes at most. Put `max_payload: 1MB` into its configuration"});

  if (!answer || error == api_error::not_enabled || error == api_error::not_enabled_for_account) {
    if (std::ranges::none_of(findings, [](auto& f) { return f.code == Code::jetstream_off; }))
      findings.push_back({Code::jetstream_off,
                          "JetStream does not answer: it is off in the NATS server, or for the "
                          "account of the user in the URL"});
    return findings;
  }

  if (error == api_error::stream_not_found) {
    const json takers = stream.api.call("STREAM.NAMES", {{"subject", stream.subject}});
    const json names = takers.value("streams", json());
    if (names.empty()) return findings;
    const auto taker = names.front().get<std::string>();
    if (taker == stream.name()) return inspect();  // another instance has made it meanwhile
    findings.push_back({Code::subject_taken, "The subject " + stream.subject +
                                                 " belongs to the stream " + taker +
                                                 " already. Choose another stream name"});
    return findings;
  }
  if (error != 0) throw Unavailable(called + ": " + error_text(*answer));

  json wanted = stream_config(stream.options, stream.subject);
  // --replicas is for a stream that is made; it may have been changed since.
  if (const json number = answer->at("config").value("num_replicas", json(1));
      number.is_number_unsigned() && is_number_of_replicas(number.get<std::uint64_t>()))
    wanted["num_replicas"] = number;
  std::string list;
  for (const auto& difference : config_differences(wanted, answer->at("config")))
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
  const json wanted = stream_config(stream.options, stream.subject);
  // Nothing when it is to be tried again. Creating a stream makes the server flush several files,
  // which takes longer than any other call on a busy disk; a cluster that has just been started has
  // no leader yet, or knows too few of its servers; and somebody else may be making the stream.
  // Retrying is safe: a stream created by a call whose answer came late is not created again.
  static constexpr std::array passing{api_error::stream_name_in_use,
                                      api_error::temporarily_unavailable,
                                      api_error::no_suitable_peers};
  bool is_made = false;
  const auto find_or_make = [&](std::string& why) -> std::optional<json> {
    try {
      json info = stream.api.call("STREAM.INFO." + stream.name(), nullptr);
      is_made = error_code(info) == api_error::stream_not_found;
      if (is_made) info = stream.api.call("STREAM.CREATE." + stream.name(), wanted);
      if (std::ranges::find(passing, error_code(info)) == passing.end()) return info;
      why = error_text(info);
    } catch (const Unavailable& late) {
      why = late.what();
    }
    return std::nullopt;
  };
  Trouble trouble("making " + stream.called());
  const auto deadline = std::chrono::steady_clock::now() + make_patience;
  std::string why;
  std::optional<json> there = find_or_make(why);
  while (!there) {
    if (std::chrono::steady_clock::now() >= deadline)
      throw Unavailable(
          stream.called() + " cannot be created: " + why +
          (wanted["num_replicas"] == 1
               ? ""
               : ". Several replicas take as many nats-servers with JetStream that form a cluster "
                 "and are up (docs/cluster.md)"));
    std::this_thread::sleep_for(trouble.failed(why));
    there = find_or_make(why);
  }

  if (error_code(*there) != 0) {
    const std::string text = stream.called() + " cannot be created: " + error_text(*there);
    if (there->value(json::json_pointer("/error/code"), 0) >= 500) throw Unavailable(text);
    throw Corrupt(text);
  }
  if (!is_made) {
    const unsigned replicas = replicas_of(*there).wanted;
    if (stream.options.replicas > 1 && replicas != stream.options.replicas)
      log::warn(
          "{} has {} replicas: --replicas is for one that is made anew. `jangbu events "
          "replicas {}` changes the number",
          stream.called(), replicas, stream.options.replicas);
    return;
  }
  // Servers silently drop settings that they do not know.
  const auto differences = config_differences(wanted, there->at("config"));
  if (!differences.empty())
    throw Corrupt("the NATS server made something else of " + stream.called() + ": " +
                  differences.front() + ". Use a newer nats-server");
}

Replicas JetStreamLog::ask_replicas() {
  Replicas replicas = replicas_of(stream_->info());
  ask_servers_of(replicas, stream_->options);
  return replicas;
}

}  // namespace jangbu
