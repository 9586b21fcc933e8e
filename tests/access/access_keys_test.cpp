// Access keys: their file's tables, and what a key gives.
#include "api/access/access_keys.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "infra/base64.hpp"

using namespace jangbu;
using namespace jangbu::access;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

using Settings = decltype(SettingsTable::settings);
using GrantPointer = std::shared_ptr<const Grant>;

std::string digest_of(const std::string& key) {
  return to_hex(sha256({key}));
}

AccessKey made(const std::string& key, Settings more = {{"role", {"clerk"}}},
               const std::string& name = "till-3") {
  more.insert({"sha256", {digest_of(key)}});
  return read_access_keys({{name, more}}).front();
}

GrantPointer granted(const AccessKeys& keys, const std::string& key) {
  const Credential credential = keys.check(key);
  const auto* grant = std::get_if<GrantPointer>(&credential);
  REQUIRE(grant);
  return *grant;
}

std::string_view denied(const AccessKeys& keys, const std::string& key) {
  const Credential credential = keys.check(key);
  const auto* no = std::get_if<Denied>(&credential);
  REQUIRE(no);
  CHECK(no->why == Denied::Why::invalid);
  if (key.size() > 8) CHECK_THAT(no->detail, !ContainsSubstring(key));
  return no->reason;
}

// Why a table is refused, which never repeats a key or its random part.
std::string refused(const Settings& settings, const std::string& name = "till-3") {
  try {
    read_access_keys({{name, settings}});
  } catch (const std::runtime_error& wrong) {
    return wrong.what();
  }
  return "not refused";
}

constexpr Timestamp now{1'000};

}  // namespace

TEST_CASE("a new access key lets in whoever has it, and nobody else") {
  const std::string key = new_access_key("till-3");
  CHECK(key.size() == std::string("jbk_till-3_").size() + 43);
  CHECK(key.starts_with("jbk_till-3_"));
  CHECK(key != new_access_key("till-3"));
  CHECK(is_access_key(key));

  AccessKeys keys;
  CHECK(denied(keys, key) == "unknown-key");
  keys.configure({made(key)});
  const GrantPointer grant = granted(keys, key);
  CHECK(grant->asker->id == principal_id("key", "till-3"));
  CHECK(grant->asker->name == "key:till-3");
  CHECK(grant->asker->roles == Roles{Role::clerk});
  CHECK_FALSE(grant->asker->may_all);
  CHECK_FALSE(grant->until);
  CHECK_FALSE(grant->rate);
  CHECK(grant->holds(now));

  CHECK(denied(keys, new_access_key("till-3")) == "unknown-key");
  CHECK(denied(keys, new_access_key("till-4")) == "unknown-key");
  const std::string random = key.substr(key.size() - 43);
  for (const std::string& wrong :
       {std::string(), std::string("jbk_"), random, key + "A", key.substr(0, key.size() - 1),
        "jbk_" + random, "jbk__" + random, "Jbk_till-3_" + random, "jbk_till 3_" + random,
        "jbk_till-3-" + random, key.substr(0, key.size() - 1) + "=",
        "jbk_" + std::string(65, 'n') + "_" + random})
    CHECK(denied(keys, wrong) == "malformed");
}

TEST_CASE("a key gives roles, a carrier's code and a rate as its table says") {
  const std::string key = new_access_key("van");
  AccessKeys keys;
  keys.configure({made(key,
                       {{"roles", {"carrier", "auditor"}},
                        {"carrier", {" 우체국택배 "}},
                        {"requests_per_second", {"2.5"}},
                        {"burst", {"20"}}},
                       "van")});
  const GrantPointer grant = granted(keys, key);
  CHECK(grant->asker->roles == Roles{Role::carrier, Role::auditor});
  CHECK(grant->asker->carrier == "우체국택배");
  CHECK(grant->rate == Rate{2.5, 20});

  const auto rate_of = [&](Settings settings) {
    settings.insert({"role", {"clerk"}});
    return made(key, settings).rate;
  };
  CHECK(rate_of({{"requests_per_second", {"7.9"}}}) == Rate{7.9, 7});
  CHECK(rate_of({{"requests_per_second", {"0.1"}}}) == Rate{0.1, 1});
  CHECK(rate_of({{"requests_per_second", {"0"}}}) == Rate{0, 0});
}

TEST_CASE("a table of a key that will not do is refused with its name and setting") {
  const std::string key = new_access_key("till-3");
  const std::string digest = digest_of(key);
  const Settings good{{"role", {"clerk"}}, {"sha256", {digest}}};
  CHECK(refused(good) == "not refused");
  const auto with = [&](const std::string& setting, std::vector<std::string> values) {
    Settings settings = good;
    settings[setting] = std::move(values);
    return refused(settings);
  };
  CHECK_THAT(with("sha256", {key}),
             ContainsSubstring("[keys.till-3] sha256: this is a key itself"));
  for (const std::string& wrong : {std::string(), std::string(64, 'g'), digest + "0",
                                   digest.substr(1), " " + digest.substr(1)})
    CHECK_THAT(with("sha256", {wrong}), ContainsSubstring("64 hexadecimal digits"));
  CHECK_THAT(with("sha256", {digest, digest}), ContainsSubstring("sha256: must have one value"));
  CHECK_THAT(refused({{"role", {"clerk"}}}), ContainsSubstring("sha256: is missing"));
  CHECK_THAT(refused({{"sha256", {digest}}}), ContainsSubstring("either role or roles"));
  CHECK_THAT(with("roles", {"clerk"}), ContainsSubstring("either role or roles"));
  CHECK_THAT(with("role", {"clerk", "buyer"}), ContainsSubstring("role: must have one value"));
  CHECK_THAT(with("role", {"admin"}),
             ContainsSubstring("there is no role 'admin'") && ContainsSubstring("auditor"));
  CHECK_THAT(with("rolle", {"clerk"}), ContainsSubstring("rolle: there is no such setting"));
  CHECK_THAT(with("role", {"carrier"}), ContainsSubstring("carrier: is missing"));
  CHECK_THAT(with("carrier", {"CJ"}), ContainsSubstring("only the role carrier"));
  for (const char* wrong : {"", "C\"J", "C\nJ"})
    CHECK_THAT(refused({{"role", {"carrier"}}, {"carrier", {wrong}}, {"sha256", {digest}}}),
               ContainsSubstring("[keys.till-3] carrier: must"));
  for (const char* wrong : {"", "many", "-1", "nan", "inf", "0.0001", "2000000", "1e99"})
    CHECK_THAT(with("requests_per_second", {wrong}),
               ContainsSubstring("requests_per_second: must"));
  CHECK_THAT(with("burst", {"5"}), ContainsSubstring("burst: only comes with"));
  for (const char* wrong : {"0", "1.5", "-1", "2000000"})
    CHECK_THAT(refused({{"role", {"clerk"}},
                        {"sha256", {digest}},
                        {"requests_per_second", {"1"}},
                        {"burst", {wrong}}}),
               ContainsSubstring("burst: must"));
  for (const char* wrong : {"", "till_3", "till 3", "만"})
    CHECK_THAT(refused(good, wrong), ContainsSubstring("1 to 64 letters"));

  // Whatever the place that a key was put in.
  const std::string random = key.substr(key.size() - 43);
  for (const std::string& secret : {key, random}) {
    CHECK_THAT(with("sha256", {secret}), !ContainsSubstring(random));
    CHECK_THAT(with("role", {secret}), !ContainsSubstring(random));
    CHECK_THAT(with(secret, {"true"}), !ContainsSubstring(random));
    CHECK_THAT(with("burst", {secret}), !ContainsSubstring(random));
    CHECK_THAT(with("carrier", {secret}), !ContainsSubstring(random));
  }
  CHECK_THAT(refused(good, key), !ContainsSubstring(random));
}

TEST_CASE("two keys of one digest are refused, and so are two of one name") {
  const std::string digest = digest_of(new_access_key("a"));
  const Settings settings{{"role", {"clerk"}}, {"sha256", {digest}}};
  CHECK_THROWS_MATCHES(read_access_keys({{"a", settings}, {"b", settings}}), std::runtime_error,
                       MessageMatches(ContainsSubstring("[keys.b]") &&
                                      ContainsSubstring("[keys.a]") && !ContainsSubstring(digest)));
  CHECK_THROWS_MATCHES(
      read_access_keys(
          {{"a", settings}, {"a", {{"role", {"clerk"}}, {"sha256", {std::string(64, '1')}}}}}),
      std::runtime_error, MessageMatches(ContainsSubstring("[keys.a]: there is a table")));
}

TEST_CASE("what a key gave is withdrawn when it is gone or gives something else") {
  const std::string key = new_access_key("till-3"), other = new_access_key("till-4");
  const Settings as_carrier{{"role", {"carrier"}}, {"carrier", {"CJ"}}};
  AccessKeys keys;
  const auto both = [&](const AccessKey& first) {
    keys.configure({first, made(other, {{"role", {"auditor"}}}, "till-4")});
  };
  both(made(key, as_carrier));
  const GrantPointer before = granted(keys, key), others = granted(keys, other);

  SECTION("not when nothing has changed") {
    both(made(key, as_carrier));
    CHECK(granted(keys, key) == before);
    CHECK(before->holds(now));
  }
  SECTION("when it is gone") {
    keys.configure({made(other, {{"role", {"auditor"}}}, "till-4")});
    CHECK_FALSE(before->holds(now));
    CHECK(denied(keys, key) == "unknown-key");
  }
  SECTION("when it has another digest") {
    const std::string newer = new_access_key("till-3");
    both(made(newer, as_carrier));
    CHECK_FALSE(before->holds(now));
    CHECK(denied(keys, key) == "unknown-key");
    CHECK(granted(keys, newer)->holds(now));
  }
  SECTION("when it has another role") {
    both(made(key));
    CHECK_FALSE(before->holds(now));
    CHECK(granted(keys, key)->asker->roles == Roles{Role::clerk});
  }
  SECTION("when it is of another carrier") {
    both(made(key, {{"role", {"carrier"}}, {"carrier", {"DHL"}}}));
    CHECK_FALSE(before->holds(now));
    CHECK(granted(keys, key)->asker->carrier == "DHL");
  }
  SECTION("with another rate both hold, and both are withdrawn later") {
    Settings slower = as_carrier;
    slower["requests_per_second"] = {"1"};
    both(made(key, slower));
    const GrantPointer after = granted(keys, key);
    CHECK(after->rate == Rate{1, 1});
    CHECK(before->holds(now));
    both(made(key));
    CHECK_FALSE(before->holds(now));
    CHECK_FALSE(after->holds(now));
  }
  CHECK(others->holds(now));
  CHECK(granted(keys, other) == others);
}

TEST_CASE("keys are checked while others are configured") {
  const std::string key = new_access_key("till-3");
  const std::vector<AccessKey> as_clerk{made(key)}, as_auditor{made(key, {{"role", {"auditor"}}})};
  AccessKeys keys;
  keys.configure(as_clerk);
  std::atomic<bool> done = false;
  int checked = 0, unexpected = 0;
  {
    const std::jthread checking([&] {
      while (!done || checked == 0) {
        const Credential credential = keys.check(key);
        const auto* grant = std::get_if<GrantPointer>(&credential);
        const bool expected = grant && ((*grant)->asker->roles == Roles{Role::clerk} ||
                                        (*grant)->asker->roles == Roles{Role::auditor});
        unexpected += expected ? 0 : 1;
        ++checked;
      }
    });
    for (int i = 0; i < 200; ++i) keys.configure(i % 2 == 0 ? as_auditor : as_clerk);
    done = true;
  }
  CHECK(unexpected == 0);
}
