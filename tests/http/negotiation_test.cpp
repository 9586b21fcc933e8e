#include "api/http/negotiation.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace jangbu::http;

TEST_CASE("a list is read with its weights") {
  const auto all = preferences(" text/html;level=1 , ko-KR;q=0.875,\ten ; Q=1.000, *;q=0");
  REQUIRE(all.size() == 4);
  CHECK(all[0].name == "text/html");
  CHECK(all[0].weight == 1000);
  CHECK(all[1].name == "ko-KR");
  CHECK(all[1].weight == 875);
  CHECK(all[2].name == "en");
  CHECK(all[2].weight == 1000);
  CHECK(all[3].name == "*");
  CHECK(all[3].weight == 0);
}

TEST_CASE("what cannot be read in a list is left out") {
  for (const std::string member : {"ko;q=", "ko;q=2", "ko;q=1.001", "ko;q=-1", "ko;q=.5",
                                   "ko;q=0.1234", "ko;q=high", ";q=1", "", ",,", "ko;q=0x1"}) {
    CAPTURE(member);
    for (const Preference& preference : preferences(member)) CHECK(preference.name != "ko");
    REQUIRE(preferences(member + ",en").size() >= 1);
    CHECK(preferences(member + ",en").back().name == "en");
  }
}

TEST_CASE("browsers get a page, programs JSON") {
  // Firefox, Chromium.
  CHECK(prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
  CHECK(
      prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
                   "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"));
  CHECK(prefers_html("Text/HTML"));
  CHECK(prefers_html("application/json, text/html"));
  CHECK_FALSE(prefers_html(""));
  CHECK_FALSE(prefers_html("*/*"));
  CHECK_FALSE(prefers_html("text/*"));
  CHECK_FALSE(prefers_html("application/json"));
  CHECK_FALSE(prefers_html("application/json, text/html;q=0.5"));
  CHECK_FALSE(prefers_html("text/html;q=0, */*"));
}

TEST_CASE("the language is the one that is ranked highest") {
  constexpr std::string_view offered[] = {"en", "ko"};
  for (const auto& [field, language] : {std::pair{"", "en"},
                                        {"ko", "ko"},
                                        {"KO-kr", "ko"},
                                        {"ko-Kore-KR", "ko"},
                                        {"ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"},
                                        {"en-US,en;q=0.9,ko;q=0.8", "en"},
                                        {"de,ko;q=0.3,en;q=0.2", "ko"},
                                        {"de,fr", "en"},
                                        {"ko,en", "ko"},
                                        {"en,ko", "en"},
                                        {"ko;q=0", "en"},
                                        {"ko;q=0,*", "en"},
                                        {"en;q=0,*;q=0.1", "ko"},
                                        {"*", "en"},
                                        {"*,ko", "en"},
                                        {"ko;q=0.5,*;q=0.4", "ko"},
                                        {"kok", "en"},
                                        {"k", "en"}}) {
    CAPTURE(field);
    CHECK(preferred_language(field, offered) == language);
  }
}

TEST_CASE("a list of nothing but stars is read in one go") {
  constexpr std::string_view offered[] = {"en", "ko"};
  std::string stars;
  for (int i = 0; i < 200'000; ++i) stars += "*,";
  // To look through all of them for each of them would take half an hour.
  CHECK(preferred_language(stars, offered) == "en");
}
