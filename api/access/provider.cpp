#include "api/access/provider.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "infra/ids.hpp"
#include "infra/json_tree.hpp"
#include "infra/log.hpp"
#include "infra/text.hpp"
#include "infra/trouble.hpp"

namespace jangbu::access {

namespace {

constexpr std::size_t max_discovery_depth = 16;
constexpr std::chrono::milliseconds longest_pause = std::chrono::minutes(1);
constexpr auto idle_wait = std::chrono::hours(1);

// Where a discovery document says that the keys are.
std::string read_jwks_url(const Issuer& issuer, std::string_view document) {
  const nlohmann::json json = parse_json_strictly(document, max_discovery_depth);
  const auto text_of = [&](const char* name) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_string())
      throw std::runtime_error(std::string("what it gives is no discovery document: it needs ") +
                               name);
    return json[name].get<std::string>();
  };
  // Else it could speak for others.
  if (const std::string own = text_of("issuer"); own != issuer.url)
    throw std::runtime_error("it calls itself " + visible(own) + ", and must say " + issuer.url +
                             " to the letter");
  std::string url = text_of("jwks_uri");
  if (!may_fetch(url) || (issuer.url.starts_with("https:") && !url.starts_with("https:")))
    throw std::runtime_error("its keys are at " + visible(url) +
                             ", but are fetched from https:// only");
  return url;
}

std::string fetch_from(const std::string& url, const Issuer& issuer, const FetchLimits& limits,
                       const std::stop_token& stop) {
  try {
    return fetch(url, issuer.authorities, limits, stop);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(visible(url) + ": " + error.what());
  }
}

// What was granted by a key stays valid as long as the key is listed.
void pass_on_grants(const Jwks& from, Jwks& to) {
  for (const PublicKey& old : from.keys) {
    const auto same =
        std::ranges::find_if(to.keys, [&](const PublicKey& key) { return key.is_same_as(old); });
    if (same != to.keys.end())
      same->withdrawn = old.withdrawn;
    else
      old.withdrawn->store(true);
  }
}

void withdraw_all(const Jwks& from) {
  for (const PublicKey& key : from.keys) key.withdrawn->store(true);
}

bool is_at_same_place(const Issuer& a, const Issuer& b) {
  return a.url == b.url && a.jwks_url == b.jwks_url && a.authorities == b.authorities;
}

}  // namespace

struct Provider::Source {
  explicit Source(Issuer described)
      : issuer(std::make_shared<const Issuer>(std::move(described))),
        trouble("fetching the keys of [issuers." + issuer->name + "]", longest_pause) {
    status.name = issuer->name;
  }

  const std::shared_ptr<const Issuer> issuer;
  KeySetPtr keys;
  Clock::time_point due = Clock::now();
  std::optional<Clock::time_point> asked;  // the last time that ask() had them fetched
  bool fetching = false;
  Status status;
  Trouble trouble;  // of the thread that fetches
};

Provider::Provider(Options options, std::vector<Issuer> issuers) : options_(options) {
  configure(std::move(issuers));
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  ::pthread_setname_np(thread_.native_handle(), "issuer-keys");
}

void Provider::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Provider::configure(std::vector<Issuer> issuers) {
  const std::lock_guard lock(mutex_);
  std::vector<SourcePtr> old = std::exchange(sources_, {});
  for (Issuer& issuer : issuers) {
    const auto same = std::ranges::find_if(
        old, [&](const SourcePtr& source) { return *source->issuer == issuer; });
    if (same != old.end()) {
      sources_.push_back(std::move(*same));
      old.erase(same);
      continue;
    }
    const auto source = std::make_shared<Source>(std::move(issuer));
    for (const SourcePtr& before : old) {
      if (!before->keys || !is_at_same_place(*before->issuer, *source->issuer)) continue;
      KeySet kept = *before->keys;
      for (PublicKey& key : kept.jwks.keys)
        key.withdrawn = std::make_shared<std::atomic<bool>>(false);
      source->keys = std::make_shared<const KeySet>(std::move(kept));
      source->status.keys = before->status.keys;
      source->status.since = before->status.since;
    }
    sources_.push_back(source);
  }
  for (const SourcePtr& gone : old)
    if (gone->keys) withdraw_all(gone->keys->jwks);
  changed_.notify_all();
}

Provider::SourcePtr Provider::find_source(std::string_view url) const {
  const auto found = std::ranges::find_if(
      sources_, [&](const SourcePtr& source) { return source->issuer->url == url; });
  return found == sources_.end() ? nullptr : *found;
}

std::optional<Provider::Found> Provider::find(std::string_view url) const {
  const std::lock_guard lock(mutex_);
  const SourcePtr source = find_source(url);
  if (!source) return std::nullopt;
  return Found{source->issuer, source->keys};
}

bool Provider::ask(std::string_view url, const KeySetPtr& seen) {
  const std::lock_guard lock(mutex_);
  const SourcePtr source = find_source(url);
  if (!source) return false;
  const auto now = Clock::now();
  if (source->keys != seen || source->fetching || source->due <= now ||
      !source->status.trouble.empty())
    return true;
  if (source->asked && now - *source->asked < options_.between_asks) return false;
  source->asked = source->due = now;
  changed_.notify_all();
  return true;
}

std::vector<Provider::Status> Provider::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<Status> all;
  for (const SourcePtr& source : sources_) all.push_back(source->status);
  return all;
}

// --- The thread ----------------------------------------------------------------------------------

Provider::SourcePtr Provider::next_source() const {
  const auto next =
      std::ranges::min_element(sources_, {}, [](const auto& one) { return one->due; });
  return next == sources_.end() ? nullptr : *next;
}

void Provider::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto is_due = [&] {
    const SourcePtr next = next_source();
    return next && next->due <= Clock::now();
  };
  while (!stop.stop_requested()) {
    const SourcePtr next = next_source();
    const auto until = next ? next->due : Clock::now() + idle_wait;
    if (!changed_.wait_until(lock, stop, until, is_due)) continue;
    const SourcePtr due = next_source();
    due->fetching = true;
    ++due->status.fetches;
    lock.unlock();
    fetch_keys(*due, stop);
    lock.lock();
    due->fetching = false;
  }
}

void Provider::fetch_keys(Source& source, const std::stop_token& stop) {
  const Issuer& issuer = *source.issuer;
  const Timestamp began = system_now();
  try {
    KeySet fetched{.jwks = fetch_jwks(issuer, stop),
                   .good_until = {began.ms + options_.keys_last.count()}};
    source.trouble.over();
    if (fetched.jwks.keys.empty() && !(source.keys && source.keys->jwks.keys.empty()))
      log::warn(
          "[issuers.{}] has no key that can be used: they need a kid, and RSA of 2048 to 8192 "
          "bits, P-256 or Ed25519",
          issuer.name);
    const std::lock_guard lock(mutex_);
    if (source.keys) pass_on_grants(source.keys->jwks, fetched.jwks);
    source.status.keys = fetched.jwks.keys.size();
    source.status.since = began;
    source.status.trouble.clear();
    source.keys = std::make_shared<const KeySet>(std::move(fetched));
    source.due = Clock::now() + options_.every;
  } catch (const std::exception& error) {
    if (stop.stop_requested()) return;
    const auto pause = source.trouble.failed(error.what());
    const std::lock_guard lock(mutex_);
    ++source.status.failures;
    source.status.trouble = error.what();
    source.due = Clock::now() + pause;
  }
}

Jwks Provider::fetch_jwks(const Issuer& issuer, const std::stop_token& stop) const {
  std::string url = issuer.jwks_url;
  if (url.empty()) {
    const std::string discovery = discovery_url(issuer.url);
    const std::string document = fetch_from(discovery, issuer, options_.limits, stop);
    try {
      url = read_jwks_url(issuer, document);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(discovery + ": " + error.what());
    }
  }
  const std::string document = fetch_from(url, issuer, options_.limits, stop);
  try {
    return read_jwks(document);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(visible(url) + ": " + error.what());
  }
}

}  // namespace jangbu::access
