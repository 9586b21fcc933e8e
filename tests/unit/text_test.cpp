// What of Unicode a text may have, and how one looks that is not to be trusted.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "infra/text.hpp"
#include "tests/support/property.hpp"

using namespace jangbu;

namespace {

std::string name(std::string_view text) {
  return clean(text, 1, 200, TextKind::line);
}

// Why it is refused; empty when it is not.
std::string trouble_of(std::string_view text, TextKind kind = TextKind::line) {
  try {
    clean(text, kind == TextKind::line ? 1 : 0, 200, kind);
    return {};
  } catch (const BadText& bad) {
    return bad.what();
  }
}

std::string times(std::string_view text, int count) {
  std::string many;
  for (int i = 0; i < count; ++i) many += text;
  return many;
}

}  // namespace

TEST_CASE("white space around a name is nothing, whichever of Unicode's it is") {
  for (const char* space :
       {" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00A0", "\u1680",
        "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
        "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
    const std::string around = space;
    CAPTURE(around);
    CHECK(name("홍길동" + around) == "홍길동");
    CHECK(name(around + "홍길동") == "홍길동");
    CHECK(name(around + around + "홍 길동" + around) == "홍 길동");
    CHECK_FALSE(trouble_of(around).empty());
  }
}

TEST_CASE("a name is the same however it was typed") {
  CHECK(name("\u1112\u1169\u11BC") == "홍");
  CHECK(name("e\u0301") == "é");
  CHECK(name("a\u0323\u0307") == name("a\u0307\u0323"));
}

TEST_CASE("a name has nothing that steers, reverses or hides") {
  const std::vector<std::string> steering{"\u0001", "\u001B", "\u007F", "\u0085", "\u009B",
                                          "\n",     "\t",     "\u2028", "\u2029"};
  const std::vector<std::string> reversing{"\u202A", "\u202B", "\u202C", "\u202D",
                                           "\u202E", "\u2066", "\u2067", "\u2068",
                                           "\u2069", "\u200E", "\u200F", "\u061C"};
  const std::vector<std::string> hiding{
      "\u00AD",     "\u034F",     "\u115F",     "\u1160",     "\u17B4",     "\u17B5",
      "\u180E",     "\u200B",     "\u2060",     "\u2064",     "\u2065",     "\u206F",
      "\u2800",     "\u3164",     "\uFEFF",     "\uFFA0",     "\uFFF0",     "\uFFF9",
      "\uFFFE",     "\U0001BCA0", "\U0001D173", "\U000E0000", "\U000E0001", "\U000E0041",
      "\U000E007F", "\U000E0080", "\U000E0FFF"};
  for (const auto& characters : {steering, reversing, hiding})
    for (const std::string& character : characters) {
      CAPTURE(character);
      CHECK_FALSE(trouble_of("홍" + character + "길동").empty());
      CHECK((character == "\t" || visible(character) != character));
    }
  CHECK_FALSE(trouble_of(std::string("a\0b", 3)).empty());
  // At an end, where no white space is.
  CHECK(trouble_of("홍길동\u200B") == "must not have invisible characters, it has U+200B");
  CHECK(trouble_of("\uFEFF홍길동") == "must not have invisible characters, it has U+FEFF");
  CHECK(trouble_of("\U000E0041홍길동") == "must not have invisible characters, it has U+E0041");
}

TEST_CASE("a name has something visible in it") {
  for (const char* text : {"", "   ", "\u3000", "\u3164", "\u2800", "\u200D", "\uFE0F", "\u0301",
                           "\u0301\u0302", "\u200B", "\u115F\u1160"}) {
    CAPTURE(text);
    CHECK_FALSE(trouble_of(text).empty());
  }
  for (const char* text : {"홍", "ㅎ", "\u1100", "7", "-", "\u00A9", "👩", "\uE000", "n\u0303"}) {
    CAPTURE(text);
    CHECK(trouble_of(text).empty());
  }
}

TEST_CASE("joiners and variation selectors are fine where they change what can be seen") {
  for (const char* text : {"👩\u200D💻", "👩\u200D❤\uFE0F\u200D👨 세트", "❤\uFE0F", "می\u200Cخواهم",
                           "क्\u200Dष", "葛\U000E0100城", "1\uFE0F\u20E3"}) {
    CAPTURE(text);
    CHECK(trouble_of(text).empty());
    CHECK(name(text) == text);
  }
  for (const char* text : {"홍\u200D", "\u200D홍", "홍\u200D 길동", "홍 \u200D길동",
                           "홍\u200D\u200D길동", "홍\u200C\u200D길동", "\uFE0F홍", "홍 \uFE0F",
                           "홍\uFE0F\uFE0F길동", "홍\u200D\uFE0F길동", "홍\uFE00\uFE01"}) {
    CAPTURE(text);
    CHECK_FALSE(trouble_of(text).empty());
  }
  CHECK(trouble_of("👩\u200D", TextKind::beginning).empty());
  CHECK(trouble_of("", TextKind::beginning).empty());
  CHECK_FALSE(trouble_of("홍\u200B", TextKind::beginning).empty());
}

TEST_CASE("prose has lines, and tabs") {
  const auto prose = [](std::string_view text) { return clean(text, 0, 100, TextKind::prose); };
  CHECK(prose("첫 줄\r\n둘째 줄\r셋째 줄\n\n\t끝\r\n") == "첫 줄\n둘째 줄\n셋째 줄\n\n\t끝");
  CHECK(prose("가\u0085나\u2028다\u2029라") == "가\n나\n다\n라");
  CHECK(prose("\r\n\t ") == "");
  CHECK(prose("소프트\u00AD하이픈, 폭\u200B없음, \u200F말\u200E") ==
        "소프트\u00AD하이픈, 폭\u200B없음, \u200F말\u200E");
  for (const char* text :
       {"a\u0001b", "a\u001B[2J", "a\vb", "a\fb", "a\u007Fb", "a\u009Bb", "a\u202Eb", "a\u2066b"}) {
    CAPTURE(text);
    CHECK_FALSE(trouble_of(text, TextKind::prose).empty());
  }
  CHECK_FALSE(trouble_of(std::string("a\0b", 3), TextKind::prose).empty());
}

TEST_CASE("length is counted in characters as they are kept") {
  CHECK(clean(times("\u1112\u1169\u11BC", 20), 1, 20, TextKind::line) == times("홍", 20));
  CHECK(clean(times("👩", 20), 1, 20, TextKind::line) == times("👩", 20));
  CHECK(clean(times("\r\n", 19) + "a", 0, 1, TextKind::prose) == "a");
  CHECK(clean("a" + times("\r\n", 18) + "a", 0, 20, TextKind::prose).size() == 20);
  CHECK(trouble_of(times("홍", 200)).empty());
  CHECK(trouble_of(times("홍", 201)) == "must have 1 to 200 characters, it has 201");
  CHECK(trouble_of(times("홍", 20'000)) == "must have 1 to 200 characters, it has more");
  CHECK(trouble_of("") == "must have 1 to 200 characters, it has 0");
}

TEST_CASE("at most thirty marks follow one another, as many as a text may have") {
  CHECK(trouble_of("a" + times("\u0323", 30)).empty());
  CHECK(trouble_of("a" + times("\u0323", 31)) ==
        "must not have more than 30 combining marks in a row");
  // These are two marks each, and begin with one.
  CHECK(trouble_of("a" + times("\u0344", 15)).empty());
  CHECK_FALSE(trouble_of("a" + times("\u0344", 16)).empty());
  CHECK_FALSE(trouble_of("\u1F82" + times("\u0323", 28)).empty());
  CHECK(trouble_of(times("a" + times("\u0323", 30), 6)).empty());
  // Alternating classes, which is the worst to sort.
  CHECK_FALSE(clean("a" + times("\u0323\u0301", 15), 1, 5'000, TextKind::prose).empty());
}

TEST_CASE("a text of 64 KB of marks is refused without being sorted") {
  const std::string marks = "a" + times("\u0301\u0323", 16'000);  // took seconds
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(trouble_of(marks).empty());
    CHECK_THROWS_AS(clean(marks, 0, 5'000, TextKind::prose), BadText);
    CHECK_THROWS_AS(clean(marks, 0, 100'000, TextKind::prose), BadText);
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

TEST_CASE("bytes that are no UTF-8 are told as such") {
  for (const char* text :
       {"\xff", "a\xc0\x80", "\xed\xa0\x80", "홍\xea\xb8", "\x80", "a\xe3\x80"}) {
    CHECK(trouble_of(text) == "is not valid UTF-8");
    CHECK(trouble_of(text, TextKind::prose) == "is not valid UTF-8");
  }
}

TEST_CASE("what is clean stays as it is, and is normalised") {
  jangbu::test::property("whatever it holds", [] {
    const auto characters = *rc::gen::container<std::vector<int>>(rc::gen::weightedOneOf<int>(
        {{4, rc::gen::inRange(0x20, 0x7F)},
         {3, rc::gen::elementOf(std::vector<int>{0x0301, 0x0323, 0x0344, 0x200D, 0xFE0F, 0x1112,
                                                 0x1169, 0x11BC, 0x3000, 0x0A, 0x0D, 0x1F82})},
         {1, rc::gen::inRange(0x20, 0xD7FF)},
         {1, rc::gen::inRange(0xE000, 0x110000)}}));
    std::string text;
    for (const int c : characters) {
      if (c < 0x80) {
        text += static_cast<char>(c);
      } else if (c < 0x800) {
        text += static_cast<char>(0xC0 | c >> 6);
        text += static_cast<char>(0x80 | (c & 0x3F));
      } else if (c < 0x10000) {
        text += static_cast<char>(0xE0 | c >> 12);
        text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (c & 0x3F));
      } else {
        text += static_cast<char>(0xF0 | c >> 18);
        text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
        text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
        text += static_cast<char>(0x80 | (c & 0x3F));
      }
    }
    for (const TextKind kind : {TextKind::line, TextKind::beginning, TextKind::prose}) {
      try {
        const std::string kept = clean(text, 0, 5'000, kind);
        RC_ASSERT(clean(kept, 0, 5'000, kind) == kept);
        RC_ASSERT(normalised(kept) == kept);
        RC_ASSERT(normalised(text) == kept);
      } catch (const BadText&) {
      }
    }
  });
}

TEST_CASE("what would steer a terminal is shown instead") {
  CHECK(visible("홍길동 <gildong@example.com> 👩\u200D❤\uFE0F\u200D👨") ==
        "홍길동 <gildong@example.com> 👩\u200D❤\uFE0F\u200D👨");
  CHECK(visible("\x1b]0;owned\x07\x1b[2J") == "\\u001b]0;owned\\u0007\\u001b[2J");
  CHECK(visible("\u009B2J\x7f") == "\\u009b2J\\u007f");
  CHECK(visible("\x9b\x32J") == "\\x9b2J");  // the same as a byte of Latin-1
  CHECK(visible("gnp.\u202Eexe") == "gnp.\\u202eexe");
  CHECK(visible("a\u200Bb\u2066c\u2028d\uFEFFe\u00ADf\u061Cg") ==
        "a\\u200bb\\u2066c\\u2028d\\ufeffe\\u00adf\\u061cg");
  CHECK(visible("\U000E0041") == "\\udb40\\udc41");
  CHECK(visible("one\r\ntwo\tthree") == "one\\r\\ntwo\tthree");
  CHECK(visible_lines("one\r\ntwo\tthree\x1b[1A") == "one\\r\ntwo\tthree\\u001b[1A");
}

TEST_CASE("JSON that is shown is the same JSON") {
  using Any = nlohmann::json;
  jangbu::test::property("whatever it holds", [](const std::string& bytes) {
    const std::string text =
        Any(bytes + "\u202E\U000E0041\x7f").dump(2, ' ', false, Any::error_handler_t::replace);
    RC_ASSERT(Any::parse(visible(text)) == Any::parse(text));
  });
}
