#include "projections/tables/name_range.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace jangbu::test {

namespace {

bool finds(std::string_view beginning, std::string_view lower_name) {
  const NameRange range = names_beginning_with(beginning);
  return range.low <= lower_name && lower_name < range.high;
}

}  // namespace

TEST_CASE("names are found by their beginning, in either case", "[names]") {
  CHECK(names_beginning_with("Kim") == NameRange{"kim", "kin"});
  CHECK(finds("KIM", "kim"));
  CHECK(finds("kIm", "kimberley"));
  CHECK(finds("kim ", "kim minsu"));
  CHECK_FALSE(finds("kim", "kin"));
  CHECK_FALSE(finds("kim", "ki"));
  CHECK_FALSE(finds("kim", "k"));
  CHECK(names_beginning_with("z") == NameRange{"z", "{"});
  CHECK(names_beginning_with("Ä") == NameRange{"Ä", "Å"});  // only ASCII letters
}

TEST_CASE("an empty beginning finds all names", "[names]") {
  const NameRange all = names_beginning_with("");
  CHECK(all.low.empty());
  std::string highest;
  for (int i = 0; i < 200; ++i) highest += "\U0010FFFF";
  CHECK(finds("", "!"));
  CHECK(finds("", "홍길동"));
  CHECK(finds("", highest));
}

TEST_CASE("a consonant stands for all syllables that it begins", "[names]") {
  CHECK(names_beginning_with("ㅎ") == NameRange{"하", "\U0000D7A4"});
  CHECK(names_beginning_with("ㄱ") == NameRange{"가", "까"});
  CHECK(names_beginning_with("홍ㄱ") == NameRange{"홍가", "홍까"});
  CHECK(finds("ㅎ", "힣"));
  CHECK(finds("ㅎ", "홍길동"));
  CHECK(finds("홍ㄱ", "홍길동"));
  CHECK_FALSE(finds("홍ㄷ", "홍길동"));
  CHECK_FALSE(finds("ㄱ", "까치"));
  CHECK(finds("ㄲ", "까치"));
  // Each of the 19 has its 588 syllables, and the next begins where it ends.
  char32_t first = U'가';
  std::string low = "가";
  for (const char* initial : {"ㄱ", "ㄲ", "ㄴ", "ㄷ", "ㄸ", "ㄹ", "ㅁ", "ㅂ", "ㅃ", "ㅅ", "ㅆ",
                              "ㅇ", "ㅈ", "ㅉ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ"}) {
    CHECK(names_beginning_with(initial).low == low);
    low = names_beginning_with(initial).high;
    first += 588;
  }
  CHECK(first == 0xD7A4);
  CHECK(low == "\U0000D7A4");
}

TEST_CASE("consonants that begin no syllable, and vowels, stand for themselves", "[names]") {
  CHECK(names_beginning_with("ㄳ") == NameRange{"ㄳ", "ㄴ"});
  CHECK(names_beginning_with("ㅏ") == NameRange{"ㅏ", "ㅐ"});
}

TEST_CASE("a syllable without a final consonant stands for those with one", "[names]") {
  CHECK(names_beginning_with("호") == NameRange{"호", "화"});
  CHECK(finds("호", "홓"));
  CHECK(finds("호", "홍길동"));
  CHECK_FALSE(finds("호", "화가"));
  CHECK(names_beginning_with("홍") == NameRange{"홍", "홎"});
  CHECK_FALSE(finds("홍", "호랑이"));
  CHECK(names_beginning_with("홍길도") == NameRange{"홍길도", "홍길돠"});
  CHECK(names_beginning_with("히") == NameRange{"히", "\U0000D7A4"});
  CHECK(names_beginning_with("힣") == NameRange{"힣", "\U0000D7A4"});
  // Only the last one is unfinished.
  CHECK_FALSE(finds("호길", "홍길동"));
}

TEST_CASE("a range ends right, whatever its last character", "[names]") {
  CHECK(names_beginning_with("\U0000D7FF") == NameRange{"\U0000D7FF", "\U0000E000"});
  CHECK(names_beginning_with("a\U0010FFFF") == NameRange{"a\U0010FFFF", "b"});
  CHECK(names_beginning_with("a\U0010FFFF\U0010FFFF").high == "b");
  CHECK(names_beginning_with("\U0010FFFF").high == names_beginning_with("").high);
  CHECK(names_beginning_with("\U0000FFFF").high == "\U00010000");
  CHECK(names_beginning_with("\x7F").high == "\U00000080");
}

}  // namespace jangbu::test
