#include "api/telemetry/metrics.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "api/answers/problems.hpp"
#include "api/telemetry/families.hpp"
#include "infra/ids.hpp"
#include "infra/process_stats.hpp"
#include "infra/version.hpp"

namespace jangbu {

using namespace families;

namespace {

// --- HTTP ----------------------------------------------------------------------------------------

void add_route(const http::Traffic::OfRoute& of_route, const Labels& labels, MetricFamily& requests,
               MetricFamily& durations) {
  for (int status = http::Traffic::least_status; status <= http::Traffic::most_status; ++status) {
    const std::uint64_t count = of_route.answered(status);
    if (count == 0) continue;
    Labels with_status = labels;
    with_status.push_back({"status", std::to_string(status)});
    add_count(requests, count, std::move(with_status));
  }
  if (is_used(of_route.duration))
    add_histogram(durations, of_route.duration, seconds_per_ns, labels);
}

Families http_families(const std::vector<std::pair<std::string, const http::Server*>>& servers) {
  auto requests = family(MetricType::Counter, "jangbu_http_requests_total",
                         "Requests that were answered; those that met no route have neither "
                         "method nor route");
  auto durations = family(MetricType::Histogram, "jangbu_http_request_duration_seconds",
                          "From a request's head to its answer, or to the answer's beginning where "
                          "that is a stream");
  auto abandoned = family(MetricType::Counter, "jangbu_http_requests_abandoned_total",
                          "Requests whose client went before the end of the answer");
  auto connections =
      family(MetricType::Gauge, "jangbu_http_connections", "Clients that are connected");
  auto handshakes = family(MetricType::Counter, "jangbu_http_tls_handshakes_total",
                           "TLS handshakes; failed: refused, too slow, or left by the client");
  for (const auto& [service, server] : servers) {
    const http::Traffic& traffic = server->traffic();
    for (std::size_t i = 0; i < traffic.routes().size(); ++i) {
      const http::Route& route = traffic.routes()[i];
      const Labels labels{{"service", service},
                          {"method", std::string(http::to_string(route.method))},
                          {"route", route.pattern}};
      add_route(traffic.of_route(i), labels, requests, durations);
    }
    add_route(traffic.without_route(), {{"service", service}}, requests, durations);
    add_count(abandoned, traffic.abandoned(), {{"service", service}});
    for (const auto& [outcome, count] : {std::pair("done", traffic.handshakes_done()),
                                         std::pair("failed", traffic.handshakes_failed())})
      if (count > 0) add_count(handshakes, count, {{"service", service}, {"outcome", outcome}});
    add_gauge(connections, static_cast<double>(server->connections()), {{"service", service}});
  }
  return {std::move(requests), std::move(durations), std::move(abandoned), std::move(connections),
          std::move(handshakes)};
}

// --- Commands ------------------------------------------------------------------------------------

struct NameOf {
  const char* operator()(const OpenAccount&) const { return "OpenAccount"; }
  const char* operator()(const ChangeAddress&) const { return "ChangeAddress"; }
  const char* operator()(const ChangeAccountDetails&) const { return "ChangeAccountDetails"; }
  const char* operator()(const CloseAccount&) const { return "CloseAccount"; }
  const char* operator()(const ListProduct&) const { return "ListProduct"; }
  const char* operator()(const ChangePrice&) const { return "ChangePrice"; }
  const char* operator()(const ChangeStock&) const { return "ChangeStock"; }
  const char* operator()(const WithdrawProduct&) const { return "WithdrawProduct"; }
  const char* operator()(const RequestQuote&) const { return "RequestQuote"; }
  const char* operator()(const ConfirmQuote&) const { return "ConfirmQuote"; }
  const char* operator()(const BuyNow&) const { return "BuyNow"; }
  const char* operator()(const CancelPurchase&) const { return "CancelPurchase"; }
  const char* operator()(const RecordScan&) const { return "RecordScan"; }
  const char* operator()(const ConfirmReceipt&) const { return "ConfirmReceipt"; }
  const char* operator()(const LeaveClosed&) const { return "LeaveClosed"; }
};

// Applies `say` to one of each alternative.
template <class Variant, class Say>
std::vector<std::string> for_each_alternative(Say say) {
  return [&]<std::size_t... index>(std::index_sequence<index...>) {
    return std::vector<std::string>{say(Variant(std::in_place_index<index>))...};
  }
  (std::make_index_sequence<std::variant_size_v<Variant>>());
}

MetricFamily command_outcomes(const Writer::Measures& measures) {
  static const auto names = for_each_alternative<Command>(
      [](const Command& command) { return std::string(std::visit(NameOf{}, command)); });
  static const auto refusals = for_each_alternative<Refusal>(
      [](const Refusal& refusal) { return std::string(problem_of(refusal).type.code); });

  auto outcomes = family(MetricType::Counter, "jangbu_commands_total",
                         "Commands by what they came to, refused ones by the problem's code");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Writer::CommandMeasures& of = measures.commands[i];
    const auto add_outcome = [&](const char* outcome, const Counter& count, Labels more = {}) {
      if (count.value() == 0) return;
      Labels labels{{"command", names[i]}, {"outcome", outcome}};
      std::move(more.begin(), more.end(), std::back_inserter(labels));
      add_count(outcomes, count.value(), std::move(labels));
    };
    add_outcome("recorded", of.recorded);
    add_outcome("unchanged", of.unchanged);
    add_outcome("repeated", of.repeated);
    add_outcome("offered", of.offered);
    for (std::size_t k = 0; k < refusals.size(); ++k)
      add_outcome("refused", of.refused[k], {{"problem", refusals[k]}});
    for (std::size_t k = 0; k < of.not_decided.size(); ++k)
      add_outcome("not-decided", of.not_decided[k],
                  {{"problem", std::string(problem_of(static_cast<NotDecided>(k)).type.code)}});
  }
  return outcomes;
}

MetricFamily command_durations(const Writer::Measures& measures) {
  static const auto names = for_each_alternative<Command>(
      [](const Command& command) { return std::string(std::visit(NameOf{}, command)); });
  auto durations = family(MetricType::Histogram, "jangbu_command_duration_seconds",
                          "From handing a command to the writer to its outcome");
  for (std::size_t i = 0; i < names.size(); ++i)
    if (is_used(measures.commands[i].duration))
      add_histogram(durations, measures.commands[i].duration, seconds_per_ns,
                    {{"command", names[i]}});
  return durations;
}

Families writer_families(const Writer& writer) {
  using State = Writer::State;
  const Writer::Status status = writer.status();
  const Writer::Options& options = writer.options();
  const Writer::Measures& measures = writer.measures();
  constexpr double ms = 1e-3;
  return {
      command_outcomes(measures),
      command_durations(measures),
      states("jangbu_writer_state", "Which state the writer is in", status.state,
             {State::replaying, State::standby, State::claiming, State::active, State::log_away,
              State::halted, State::stopped}),
      gauge("jangbu_writer_position", "The last commit that the writer knows",
            status.position.value),
      gauge("jangbu_writer_queue_commands", "Commands that wait or are being decided",
            status.queued),
      gauge("jangbu_writer_queue_limit_commands", "So many may wait; more are turned away",
            options.queue),
      gauge("jangbu_writer_term", "The position of the active instance's claim; 0: nobody is known",
            status.standing.term.value),
      gauge("jangbu_writer_term_start_seconds", "When that term began, in Unix time",
            static_cast<double>(status.standing.since.ms) * ms),
      gauge("jangbu_writer_candidate", "Whether this instance is active, or would take over",
            status.is_candidate ? 1 : 0),
      counter("jangbu_writer_claims_total", "Terms that this instance began", status.claims),
      counter("jangbu_writer_conflicts_total",
              "Times that it stepped down, since another's commit was where it wanted to append",
              status.conflicts),
      counter("jangbu_writer_resends_total", "Commits sent again since no answer came",
              status.resends),
      histogram("jangbu_commit_events", "Events of a commit", measures.commit_events),
      histogram("jangbu_commit_size_bytes", "Bytes of a commit's events", measures.commit_bytes),
      histogram("jangbu_commit_append_duration_seconds",
                "From sending a commit to knowing that it is on disk", measures.append_duration,
                seconds_per_ns),
      gauge("jangbu_idempotency_keys", "Idempotency keys and used quotes that are remembered",
            status.keys),
      gauge("jangbu_idempotency_keys_limit", "The budget of --idempotency-keys",
            options.machine.idempotency_keys),
      gauge("jangbu_idempotency_keys_bytes", "The memory that they take", status.key_bytes),
      gauge("jangbu_idempotency_window_seconds", "How far back they are remembered",
            static_cast<double>(status.key_window_ms) * ms)};
}

Families view_families(const Writer::Status& status) {
  auto rows = family(MetricType::Gauge, "jangbu_views_rows", "What the writer holds in memory");
  auto bytes = family(MetricType::Gauge, "jangbu_views_bytes", "The memory that it takes");
  const auto add_views = [&](const char* view, const WriterMachine::Status::Views& of) {
    add_gauge(rows, static_cast<double>(of.rows), {{"view", view}});
    const auto add_part = [&](const char* part, std::size_t size) {
      add_gauge(bytes, static_cast<double>(size), {{"view", view}, {"part", part}});
    };
    add_part("rows", of.row_bytes);
    add_part("index", of.index_bytes);
  };
  add_views("accounts", status.accounts);
  add_views("owners", status.owners);
  add_views("products", status.products);
  add_views("stock", status.stock);
  add_views("purchases", status.purchases);
  return {std::move(rows), std::move(bytes)};
}

Families snapshot_families(const SnapshotFile& snapshots) {
  const SnapshotFile::Status status = snapshots.status();
  return {
      gauge("jangbu_snapshot_position", "The commit up to which the last snapshot goes",
            status.position.value),
      gauge("jangbu_snapshot_timestamp_seconds", "When it was written, since 1970; 0: none was",
            status.written_at_seconds),
      gauge("jangbu_snapshot_duration_seconds",
            "How long writing it took; 0: it is from before the start", status.duration_seconds),
      gauge("jangbu_snapshot_size_bytes", "The size of its file", status.bytes),
      counter("jangbu_snapshot_failures_total", "Snapshots that could not be written",
              status.failures)};
}

// --- Read models ---------------------------------------------------------------------------------

Families projection_families(const Projector& projector, const Writer* writer) {
  using State = Projector::State;
  const Projector::Status status = projector.status();
  const Position end = log_end(status.log_end, writer);
  auto parked = family(MetricType::Gauge, "jangbu_projection_parked_rows",
                       "Rows that are frozen, because an event could not be folded into them");
  for (const auto& model : status.read_models)
    add_gauge(parked, model.checkpoint ? model.checkpoint->parked : 0,
              {{"read_model", std::string(model.name)}});
  return {
      parked,
      states("jangbu_projection_state", "Which state the projector is in", status.state,
             {State::starting, State::following, State::standby, State::waiting, State::failed}),
      gauge("jangbu_projection_position", "The commit up to which the read models are filled",
            status.position.value),
      gauge("jangbu_projection_lag_commits", "Commits that are not in the read models yet",
            end.value - std::min(end, status.position).value),
      counter("jangbu_projection_events_total", "Events written into the read models",
              projector.measures().events.value()),
      counter("jangbu_log_void_commits_total",
              "Commits that the log should not have let in: everything passes over them",
              projector.measures().voids.value()),
      histogram("jangbu_projection_batch_duration_seconds",
                "Of a transaction that writes a batch of commits",
                projector.measures().batch_duration, seconds_per_ns)};
}

double age_in_seconds(const Writer::Backlog& backlog) {
  const auto age_ms = system_now().ms - backlog.oldest.ms;
  return backlog.events > 0 ? static_cast<double>(std::max<std::int64_t>(age_ms, 0)) / 1e3 : 0;
}

// From what the writer remembers of the commits that the projector has not reached.
Families backlog_families(const Projector& projector, const Writer& writer) {
  const Writer::Backlog backlog = writer.after(projector.status().position);
  return {gauge("jangbu_projection_lag_events", "Events that are not in the read models yet",
                backlog.events),
          gauge("jangbu_projection_lag_seconds", "Age of the oldest commit that is not there yet",
                age_in_seconds(backlog))};
}

// --- The log's copies ----------------------------------------------------------------------------

Families replica_families(const std::optional<Replicas>& replicas) {
  Families families{gauge("jangbu_log_leader",
                          "1 while a server leads the event log and hears of a majority",
                          replicas && replicas->has_majority() ? 1 : 0)};
  if (!replicas) return families;
  auto current = family(MetricType::Gauge, "jangbu_log_replica_current",
                        "1 while the copy of the event log on this server has everything, says "
                        "the server that leads it");
  auto lag = family(MetricType::Gauge, "jangbu_log_replica_lag_entries",
                    "What the copy lacks, says the server that leads");
  auto position = family(MetricType::Gauge, "jangbu_log_replica_position",
                         "Where the copy ends, says its server; none while it cannot be asked");
  auto weak = family(MetricType::Gauge, "jangbu_log_replica_weak",
                     "1 if the server acknowledges before fsync, or is too old");
  for (const Replica& replica : replicas->each) {
    const Labels labels{{"server", replica.server}};
    add_gauge(current, replica.current ? 1 : 0, labels);
    add_gauge(lag, static_cast<double>(replica.lag), labels);
    if (replica.end) add_gauge(position, static_cast<double>(replica.end->value), labels);
    add_gauge(weak, replica.weakness.empty() ? 0 : 1, labels);
  }
  append(families, {gauge("jangbu_log_replicas", "On how many servers the event log is to be kept",
                          replicas->wanted),
                    std::move(current), std::move(lag), std::move(position), std::move(weak)});
  return families;
}

// --- The public stream ---------------------------------------------------------------------------

Families publishing_families(const Publisher& publisher, const Writer* writer) {
  using State = Publisher::State;
  const Publisher::Status status = publisher.status();
  const Position end = log_end(status.log_end, writer);
  auto unread = family(MetricType::Counter, "jangbu_public_unread_total",
                       "Messages that were removed before a durable consumer had read them");
  for (const auto& [consumer, count] : publisher.unread())
    add_count(unread, count, {{"consumer", consumer}});
  Families families{
      unread,
      states("jangbu_public_state", "Which state the publisher is in", status.state,
             {State::starting, State::active, State::standby, State::waiting, State::stopped}),
      gauge("jangbu_public_position", "The commit up to which all public events are published",
            status.position.value),
      gauge("jangbu_public_lag_commits", "Commits whose public events are not published yet",
            end.value - std::min(end, status.position).value),
      gauge("jangbu_public_sequence", "The last message of the public stream", status.sequence),
      gauge("jangbu_public_bytes", "Size of the public stream", status.bytes),
      gauge("jangbu_public_max_bytes", "What its size is limited to",
            publisher.options().stream.max_bytes),
      counter("jangbu_public_events_total", "Events published by this process",
              publisher.measures().events.value()),
      histogram("jangbu_public_append_duration_seconds",
                "From sending a batch of events to its acknowledgement",
                publisher.measures().append_duration, seconds_per_ns)};
  if (writer)
    families.push_back(gauge("jangbu_public_lag_seconds",
                             "Age of the oldest commit that is not published yet",
                             age_in_seconds(writer->after(status.position))));
  return families;
}

// --- Webhooks ------------------------------------------------------------------------------------

Families webhook_families(const webhook::Webhooks& webhooks) {
  using webhook::Courier;
  using State = Courier::State;
  auto attempts = family(MetricType::Counter, "jangbu_webhook_attempts_total",
                         "Events that were sent to a webhook's endpoint, by what came of it");
  auto durations = family(MetricType::Histogram, "jangbu_webhook_attempt_duration_seconds",
                          "From beginning to send an event to the end of the endpoint's answer");
  auto state = family(MetricType::Gauge, "jangbu_webhook_state", "Which state a webhook is in");
  auto pending = family(MetricType::Gauge, "jangbu_webhook_pending_events",
                        "Events that are not delivered yet");
  auto parked = family(MetricType::Gauge, "jangbu_webhook_parked_events",
                       "Events that the endpoint refused for good, and that are kept");
  for (const auto& courier : webhooks.all()) {
    const Courier::Status status = courier->status();
    const Courier::Measures& measures = courier->measures();
    const Labels labels{{"webhook", courier->endpoint().name}};
    const auto with = [&](const char* label, std::string_view value) {
      Labels more = labels;
      more.push_back({label, std::string(value)});
      return more;
    };
    add_count(attempts, measures.delivered.value(), with("outcome", "delivered"));
    add_count(attempts, measures.failed.value(), with("outcome", "failed"));
    add_count(attempts, measures.parked.value(), with("outcome", "parked"));
    if (is_used(measures.duration))
      add_histogram(durations, measures.duration, seconds_per_ns, labels);
    for (const State one :
         {State::active, State::failing, State::paused, State::off, State::waiting})
      add_gauge(state, one == status.state ? 1 : 0, with("state", to_string(one)));
    add_gauge(pending, static_cast<double>(status.pending), labels);
    add_gauge(parked, static_cast<double>(status.parked), labels);
  }
  return {std::move(attempts), std::move(durations), std::move(state), std::move(pending),
          std::move(parked)};
}

Families query_families(const ReadModels& read_models) {
  return {gauge("jangbu_read_models_ready", "Whether queries can be answered: 1 or 0",
                read_models.ready() ? 1 : 0),
          gauge("jangbu_queries_in_progress", "Queries that wait for a position or an answer",
                read_models.unfinished()),
          histogram("jangbu_query_duration_seconds", "From asking PostgreSQL to its answer",
                    read_models.query_duration(), seconds_per_ns)};
}

// --- The process ---------------------------------------------------------------------------------

MetricFamily build_info() {
  auto info = family(MetricType::Gauge, "jangbu_build_info", "What is running; always 1");
  add_gauge(info, 1, {{"version", std::string(version())}, {"compiler", __VERSION__}});
  return info;
}

// Named as in all client libraries:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
Families process_families() {
  const ProcessStats stats = process_stats();
  auto cpu = family(MetricType::Counter, "process_cpu_seconds_total", "Processor time used");
  add(cpu, {}).counter.value = stats.cpu_seconds;
  return {
      std::move(cpu),
      gauge("process_start_time_seconds", "When it started, since 1970", stats.start_time_seconds),
      gauge("process_resident_memory_bytes", "Memory in use", stats.resident_bytes),
      gauge("process_virtual_memory_bytes", "Address space in use", stats.virtual_bytes),
      gauge("process_threads", "Threads", stats.threads),
      gauge("process_open_fds", "Descriptors in use", stats.open_fds),
      gauge("process_max_fds", "Descriptors that may be in use", stats.max_fds)};
}

Families stream_families(const Metrics::Parts& parts) {
  auto open = family(MetricType::Gauge, "jangbu_sse_subscribers", "Streams that are open");
  auto limit = family(MetricType::Gauge, "jangbu_sse_subscribers_limit",
                      "So many are served; more are turned away");
  for (const EventFeed* feed : {&parts.delivery_feed, &parts.log_feed}) {
    const Labels labels{{"stream", feed->name()}};
    add_gauge(open, static_cast<double>(feed->subscribers()), labels);
    add_gauge(limit, static_cast<double>(feed->most_subscribers()), labels);
  }
  return {open, limit};
}

Families access_families(const access::Gatekeeper& gatekeeper, const access::Tokens* tokens) {
  using access::Gatekeeper;
  auto refused = family(MetricType::Counter, "jangbu_access_refused_total",
                        "Requests that were not let in, by why");
  for (std::size_t i = 0; i < Gatekeeper::refused_count; ++i) {
    const auto why = static_cast<Gatekeeper::Refused>(i);
    add_count(refused, gatekeeper.refused(why), {{"why", std::string(to_string(why))}});
  }
  auto keys = family(MetricType::Gauge, "jangbu_access_provider_keys",
                     "Keys of an identity provider that tokens are checked with");
  auto age = family(MetricType::Gauge, "jangbu_access_provider_keys_age_seconds",
                    "Since they were fetched; none are good after a day");
  auto fetches = family(MetricType::Counter, "jangbu_access_provider_fetches_total",
                        "Times that an identity provider was asked for its keys");
  auto failures = family(MetricType::Counter, "jangbu_access_provider_failures_total",
                         "Times that it did not give them");
  constexpr double seconds_per_ms = 1e-3;
  for (const access::Provider::Status& status :
       tokens ? tokens->status() : std::vector<access::Provider::Status>()) {
    const Labels labels{{"issuer", status.name}};
    add_gauge(keys, static_cast<double>(status.keys), labels);
    if (status.since)
      add_gauge(age, static_cast<double>(system_now().ms - status.since->ms) * seconds_per_ms,
                labels);
    add_count(fetches, status.fetches, labels);
    add_count(failures, status.failures, labels);
  }
  return {std::move(refused), std::move(keys), std::move(age), std::move(fetches),
          std::move(failures)};
}

// --- Other instances -----------------------------------------------------------------------------

Families forwarder_families(const cluster::Forwarder& forwarder) {
  using Outcome = cluster::ForwarderMachine::Outcome;
  const cluster::Forwarder::Measures& measures = forwarder.measures();
  auto requests = family(MetricType::Counter, "jangbu_forwarded_requests_total",
                         "Commands for the active instance, by what came of forwarding them");
  for (const Outcome outcome : {Outcome::answered, Outcome::overloaded, Outcome::not_active,
                                Outcome::refused, Outcome::unknown, Outcome::abandoned})
    add_count(requests, measures.count(outcome), {{"outcome", std::string(to_string(outcome))}});
  return {
      std::move(requests),
      histogram("jangbu_forwarded_request_duration_seconds",
                "From a command's arrival here to the active instance's answer", measures.duration,
                seconds_per_ns),
      gauge("jangbu_forwarded_bytes", "Of commands that have no answer yet", forwarder.bytes())};
}

}  // namespace

Position log_end(Position seen, const Writer* writer) {
  return writer ? std::max(seen, writer->status().position) : seen;
}

std::string Metrics::text() const {
  Families all{build_info()};
  append(all, http_families(servers_));
  if (parts_.writer) {
    append(all, writer_families(*parts_.writer));
    append(all, view_families(parts_.writer->status()));
  }
  if (parts_.snapshots) append(all, snapshot_families(*parts_.snapshots));
  if (parts_.projector) append(all, projection_families(*parts_.projector, parts_.writer));
  if (parts_.projector && parts_.writer)
    append(all, backlog_families(*parts_.projector, *parts_.writer));
  if (parts_.publisher) append(all, publishing_families(*parts_.publisher, parts_.writer));
  append(all, replica_families(parts_.replicas.replicas()));
  append(all, webhook_families(parts_.webhooks));
  if (parts_.forwarder) append(all, forwarder_families(*parts_.forwarder));
  if (parts_.receiver)
    append(all, {counter("jangbu_received_requests_total",
                         "Commands that other instances forwarded to this one",
                         parts_.receiver->requests())});
  append(all, query_families(parts_.read_models));
  append(all, stream_families(parts_));
  append(all, access_families(parts_.gatekeeper, parts_.tokens));
  if (parts_.access_log)
    append(all, {counter("jangbu_access_log_dropped_total",
                         "Lines that came faster than the file takes them, or could not be written",
                         parts_.access_log->dropped())});
  append(all, process_families());
  return to_text(all);
}

}  // namespace jangbu
