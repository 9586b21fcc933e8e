// Exports: what is in them, and how they are gone on with.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "api/cli/export_file.hpp"
#include "api/cli/export_format.hpp"
#include "infra/base64.hpp"
#include "infra/eventlog/memory_log.hpp"
#include "tests/cli/logs.hpp"
#include "tests/cli/tools.hpp"
#include "tests/support/claims.hpp"
#include "tests/support/process.hpp"
#include "tests/support/property.hpp"
#include "tests/support/samples.hpp"

namespace jangbu::test {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("an export has a CloudEvent a line, and the first of a commit can restore it") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  export_to(folder.path() / "log", log, false);

  std::istringstream text(read_text(folder.path() / "log"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  REQUIRE(lines.size() == 7);
  CHECK(lines[0].at("specversion") == "1.0");
  CHECK(lines[0].at("id") == "1.0");
  CHECK(lines[0].at("type") == "AccountOpened");
  CHECK(lines[0].at("subject") == "account/" + to_string(hong.account));
  CHECK(lines[0].at("data").at("name") == "홍길동");
  CHECK(lines[1].at("id") == "1.1");
  CHECK_FALSE(lines[1].contains("commitid"));

  const StoredCommit third = *log.read({3});
  CHECK(lines[4].at("id") == "3.0");
  CHECK(lines[4].at("commitid") == to_string(third.id));
  CHECK(lines[4].at("commitformat") == 1);
  CHECK(from_base64(lines[4].at("commitbytes").get<std::string>()) == third.payload);
  // CloudEvents 1.0, "Naming conventions": names of attributes are lower-case letters and digits.
  for (const auto& [name, value] : lines[4].items())
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == name.npos);
}

// A line as written when all shops had the same source.
const std::string old_line =
    R"({"specversion":"1.0","id":"1.0")"
    R"(,"source":"/jangbu","type":"AccountOpened","typeversion":2)"
    R"(,"subject":"account/0195501c-3a00-7000-8000-00000000a001","time":"2026-03-02T10:00:00.)"
    R"(001Z")"
    R"(,"correlation":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","causation":")"
    R"(41.2","actor":"점원 1")"
    R"(,"datacontenttype":"application/json")"
    R"(,"data":{"id":"0195501c-3a00-7000-8000-00000000a001","name":"홍길동","email":"hong@exampl)"
    R"(e.com","address":{"line":"서울특별시 종로구 세종대로 209","zipCode":"03171"})"
    R"(,"memberType":"seller","membershipLevel":"VIP"})"
    R"(,"commitid":"0195501c-3a00-7000-8000-00000000d001","commitformat":1)"
    R"(,"commitbytes":"AfqJ/a2cAQAAAQAAAAAAAAANAAAAAAAAAEFjY291bnRPcGVuZWQBAAABlVAcOgBwAIAA)"
    R"(AAAAAKABAYn9rZwBAAAAn4bQgYhMfWWaL+qgxVrQFWAwOuIrmYhhvOOyjzPuwb43AAAAAAAAADAwLTRiZjky)"
    R"(ZjM1NzdiMzRkYTZhM2NlOTI5ZDBlMGU0NzM2LTAwZjA2N2FhMGJhOTAyYjctMDEEAAAAAAAAADQxLjIIAAAAAA)"
    R"(AAAOygkOybkCAxggAAAAGVUBw6AHAAgAAAAAAAoAEJAAAAAAAAAO2Zjeq4uOuPmRAAAAAAAAAAaG9uZ0BleGFt)"
    R"(cGxlLmNvbSoAAAAAAAAA7ISc7Jq47Yq567OE7IucIOyiheuhnOq1rCDshLjsooXrjIDroZwgMjA5BQAAAAAAAA)"
    R"(AwMzE3MQEDO7a7qJwBAAA=")"
    R"(,"commitsha256":"l/InszMfCe7a36WGzvpwLLtmSs2Ao8lL0oXtV7jnIcg="})"
    "\n";

TEST_CASE("an export made before shops had names is read and gone on with as any other") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  write_text(file, old_line);
  const auto old = read_export(file, cli::ExportFile::Lines::as_written_today);
  REQUIRE(old.size() == 1);
  CHECK(same_commits(old, read_export(file, cli::ExportFile::Lines::as_needed)));
  MemoryLog log;
  CHECK(import_from(file, log).end == Position{1});
  CHECK(same_commits(old, all_of(log)));

  append(log, small_story().front());
  export_to(file, log, false);
  const std::string text = read_text(file);
  CHECK(text.starts_with(old_line));
  CHECK_THAT(text.substr(old_line.size()), ContainsSubstring(R"("source":"/jangbu/shop")"));
  CHECK(same_commits(read_export(file, cli::ExportFile::Lines::as_written_today), all_of(log)));
}

TEST_CASE("an export is of one shop") {
  const bool compressed = GENERATE(false, true);
  MemoryLog log;
  const auto story = small_story();
  append(log, story.front());
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, compressed);
  for (const Commit& commit : std::vector(story.begin() + 1, story.end())) append(log, commit);
  const std::string before = read_text(file);
  CHECK_THROWS_MATCHES(
      export_to(file, log, compressed, {1}, "/jangbu/another"), cli::Failure,
      MessageMatches(ContainsSubstring("is an export of /jangbu/shop, not of /jangbu/another")));
  CHECK((read_text(file) == before));

  if (compressed) return;
  export_to(folder.path() / "other", log, false, {1}, "/jangbu/another");
  const std::string other = read_text(folder.path() / "other");
  write_text(file, before + other.substr(other.find(cli::line_start({{2}, 0}))));
  CHECK(same_commits(read_export(file, cli::ExportFile::Lines::as_needed), all_of(log)));
  CHECK_THROWS_MATCHES(read_export(file, cli::ExportFile::Lines::as_written_today), Corrupt,
                       MessageMatches(ContainsSubstring("line 4 differs from event 2.0")));
}

TEST_CASE("an export that was cut off anywhere is gone on with, to the same bytes") {
  const bool compressed = GENERATE(false, true);
  MemoryLog log;
  // Compressed, a member has a MiB of text: there must be several.
  const auto commits = compressed ? many_purchases(6'000, 50) : small_story();
  for (const Commit& commit : commits) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, compressed);
  const std::string whole = read_text(file);

  const std::size_t step = compressed ? whole.size() / 30 : 3;
  for (std::size_t size = 0; size <= whole.size(); size += step) {
    CAPTURE(size, whole.size());
    write_text(file, whole.substr(0, size));
    export_to(file, log, compressed);
    REQUIRE((read_text(file) == whole));
    // A crash may leave anything behind what was on disk.
    if (size % 7 == 0 && size > 0) {
      write_text(file, whole.substr(0, size) + std::string(100, '\0'));
      export_to(file, log, compressed);
      REQUIRE((read_text(file) == whole));
    }
  }
}

TEST_CASE("an export of a log that cannot be read any more keeps what it has") {
  const bool compressed = GENERATE(false, true);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  export_to(file, log, compressed);
  const std::string before = read_text(file);

  cli::ExportWriter writer({file, compressed, "/jangbu/shop"}, log, {1});
  CHECK(writer.next() == Position{5});
  writer.finish();
  CHECK((read_text(file) == before));
}

TEST_CASE("an export that grows with the log is the same as one made at the end") {
  const bool compressed = GENERATE(false, true);
  const TemporaryFolder folder;
  MemoryLog log;
  unsigned number = 0;
  for (const Commit& commit : many_purchases(3'000, 100)) {
    append(log, commit);
    if (++number % 15 == 0) export_to(folder.path() / "grown", log, compressed);
  }
  export_to(folder.path() / "grown", log, compressed);
  export_to(folder.path() / "at once", log, compressed);
  CHECK((read_text(folder.path() / "grown") == read_text(folder.path() / "at once")));
}

TEST_CASE("a file that is not this log's export is refused, and left as it is") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  MemoryLog other;
  for (const Commit& commit : small_story()) append(other, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  const auto refuses = [&](bool compressed, Position from, const std::string& why) {
    const std::string before = read_text(file);
    CHECK_THROWS_MATCHES(export_to(file, log, compressed, from), cli::Failure,
                         MessageMatches(ContainsSubstring(why)));
    CHECK((read_text(file) == before));
  };

  export_to(file, other, false);
  refuses(false, {1}, "is an export of another log: commit 4");
  export_to(folder.path() / "gz", other, true);
  write_text(file, read_text(folder.path() / "gz"));
  refuses(true, {1}, "is an export of another log: commit 4");
  refuses(false, {1}, "is compressed");
  write_text(file, "Dear diary,\n");
  refuses(false, {1}, "is not an export");
  refuses(true, {1}, "is not compressed");
  write_text(file, "");
  export_to(file, log, false);
  refuses(true, {1}, "is not compressed");
  refuses(false, {2}, "is not an export that begins at position 2");

  const cli::ExportWriter writer({file, false, "/jangbu/shop"}, log, {1});
  refuses(false, {1}, "is being written");
}

TEST_CASE("whatever bit of an export is turned, its reader finds it or restores the same commits") {
  const bool compressed = GENERATE(false, true);
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, compressed);
  const std::string whole = read_text(file);
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += compressed ? 5 : 13) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_text(file, damaged);
    CAPTURE(bit);
    std::vector<StoredCommit> commits;
    bool found = false;
    try {
      commits = read_export(file, cli::ExportFile::Lines::as_written_today);
    } catch (const Corrupt&) {
      found = true;
    }
    // Some bits of gzip say nothing about the content: of its header, of codes that are not used.
    if (!found) REQUIRE((compressed && same_commits(commits, all_of(log))));
  }
}

TEST_CASE("a reader goes on behind a damaged commit, and tells the line") {
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, false);
  std::string text = read_text(file);
  const auto read_on = [&] {
    write_text(file, text);
    cli::ExportFile source(file, cli::ExportFile::Lines::as_needed);
    std::vector<std::uint64_t> positions;
    std::vector<std::string> wrong;
    for (;;) {
      try {
        const auto commits = source.next();
        if (commits.empty()) break;
        for (const StoredCommit& commit : commits) positions.push_back(commit.position.value);
      } catch (const Corrupt& corrupt) {
        wrong.push_back(corrupt.what());
      }
    }
    return std::pair(positions, wrong);
  };
  const auto line_begin = [&](const std::string& event) {
    return text.find(cli::line_start(*parse_event_id(event)));
  };
  using Positions = std::vector<std::uint64_t>;

  SECTION("bytes of a commit") {
    const auto at = text.find("commitbytes", line_begin("2.0")) + 40;
    text[at] = text[at] == 'A' ? 'B' : 'A';
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 3, 4});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("line 4 ") && ContainsSubstring("SHA-256"));
  }
  SECTION("a line that is missing") {
    const auto begin = line_begin("1.2");
    text.erase(begin, text.find('\n', begin) + 1 - begin);
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{2, 3, 4});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("line 3 is not event 1.2"));
  }
  SECTION("another type in a line") {
    text.replace(text.find("DeliveryScanned", line_begin("3.1")), 8, "delivery");
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 2, 4});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("line 6 is not event 3.1"));
  }
  SECTION("a commit's first line that is missing") {
    const auto begin = line_begin("3.0");
    text.erase(begin, text.find('\n', begin) + 1 - begin);
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 2, 4});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("line 5 does not begin a commit"));
  }
  SECTION("the end") {
    text.resize(text.size() - 1);
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 2, 3});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("ends in the middle of line 7"));
  }
  SECTION("lines of the last commit") {
    text.resize(line_begin("3.1"));
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 2});
    REQUIRE(wrong.size() == 1);
    CHECK_THAT(wrong[0], ContainsSubstring("ends in the middle of commit 3"));
  }
  SECTION("what is for people only, and which other versions may write otherwise") {
    text.replace(text.find("홍길동", line_begin("1.0")), 9, "임꺽정");
    const auto [positions, wrong] = read_on();
    CHECK(positions == Positions{1, 2, 3, 4});
    CHECK(wrong.empty());
    CHECK_THROWS_MATCHES(read_export(file, cli::ExportFile::Lines::as_written_today), Corrupt,
                         MessageMatches(ContainsSubstring("line 1 differs from event 1.0")));
  }
}

TEST_CASE("an export can be read from standard input") {
  const bool compressed = GENERATE(false, true);
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, compressed);
  const int standard_input = ::dup(STDIN_FILENO);
  const int exported = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  ::dup2(exported, STDIN_FILENO);
  const auto commits = read_export("-", cli::ExportFile::Lines::as_written_today);
  ::dup2(standard_input, STDIN_FILENO);
  ::close(standard_input);
  ::close(exported);
  CHECK(same_commits(commits, all_of(log)));
}

TEST_CASE("a compressed export has members of whole commits") {
  MemoryLog log;
  for (const Commit& commit : many_purchases(6'000, 50)) append(log, commit);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log.gz";
  export_to(file, log, true);
  cli::ExportText text(file);
  std::string member;
  int members = 0;
  while (text.read(member)) {
    if (!text.at_member_end()) continue;
    ++members;
    CHECK(cli::parse_first_line(member.substr(0, member.find('\n'))));
    CHECK(member.back() == '\n');
    member.clear();
  }
  CHECK(members > 2);
  CHECK(text.member_end() == std::filesystem::file_size(file));
}

namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string bytes(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  bytes.resize(bytes.size() - stream.avail_out);
  deflateEnd(&stream);
  return bytes;
}

// What a reader says of a file, and how many commits it has of it.
struct Reading {
  std::size_t commits = 0;
  std::vector<std::string> wrong = {};
};

Reading read_all(const std::filesystem::path& file) {
  cli::ExportFile source(file, cli::ExportFile::Lines::as_needed);
  Reading reading;
  for (;;) {
    try {
      const auto commits = source.next();
      if (commits.empty()) return reading;
      reading.commits += commits.size();
    } catch (const Corrupt& corrupt) {
      reading.wrong.emplace_back(corrupt.what());
    }
  }
}

}  // namespace

TEST_CASE("what is no export by its size is not read to its end") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  // Its end is damaged, which only who reads so far can tell.
  const auto reads = [&](const std::string& text) {
    std::string bytes = gzip(text);
    bytes.resize(bytes.size() - 20);
    write_text(file, bytes);
    return read_all(file);
  };
  const std::string endless(5 * cli::longest_line, 'x');
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  export_to(file, log, false);
  const std::string whole = read_text(file);

  SECTION("a line without an end") {
    const Reading reading = reads(endless);
    REQUIRE(reading.wrong.size() == 1);
    CHECK_THAT(reading.wrong[0], ContainsSubstring("line 1 has more than 8,388,608 bytes"));
  }
  SECTION("one behind whole commits") {
    const Reading reading = reads(whole + endless);
    CHECK(reading.commits == 4);
    REQUIRE(reading.wrong.size() == 1);
    CHECK_THAT(reading.wrong[0], ContainsSubstring("line 8 has more than"));
  }
  SECTION("one behind a damaged commit") {
    const Reading reading = reads("{}\n" + endless);
    REQUIRE(reading.wrong.size() == 1);
    CHECK_THAT(reading.wrong[0], ContainsSubstring("line 1 does not begin a commit"));
    CHECK_THAT(reading.wrong[0], ContainsSubstring("line 2 has more than"));
  }
  SECTION("lines of which none is a commit's") {
    std::string text;
    while (text.size() < 3 * cli::longest_commit_text) text += std::string(4'000, 'x') + "\n";
    const Reading reading = reads(text);
    REQUIRE(reading.wrong.size() == 1);
    CHECK_THAT(reading.wrong[0], ContainsSubstring("line 1 does not begin a commit"));
    CHECK_THAT(reading.wrong[0], ContainsSubstring("not read any further"));
  }
  SECTION("one that is to be gone on with") {
    const std::string bytes = gzip(whole + endless);
    write_text(file, bytes);
    CHECK_THROWS_MATCHES(export_to(file, log, true), cli::Failure,
                         MessageMatches(ContainsSubstring("compressed in another way")));
    CHECK((read_text(file) == bytes));
  }
}

TEST_CASE("an export is gone on with behind whatever a crash left, however much") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  export_to(file, log, false);
  const std::string whole = read_text(file);
  for (const std::size_t size : {8u << 20, 70u << 20}) {
    write_text(file, whole + std::string(size, '\0'));
    export_to(file, log, false);
    CHECK((read_text(file) == whole));
  }
}

TEST_CASE("a line may hold anything, and is kept by what is asked of it alone") {
  const auto refused = [](const std::string& line, const std::string& why) {
    CHECK_THROWS_MATCHES(cli::parse_first_line(line), Corrupt,
                         MessageMatches(ContainsSubstring(why)));
  };
  const std::string deep = std::string(1'000'000, '[');
  refused(R"({"commitid":)" + deep, "is not JSON");
  refused(R"({"commitid":)" + deep + std::string(deep.size(), ']') + "}", "does not tell");
  refused(R"({"commitid":{"commitid":"x","id":"1.0"},"id":"1.0"})", "does not tell");
  refused(R"({"commitid":)" + std::string(1'000'000, '9') + "}", "is not JSON");
  refused(R"(["commitid":])", "is not JSON");

  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  const StoredCommit stored = all_of(log).front();
  std::string line = cli::export_lines("/jangbu/shop", stored, decode(stored));
  line.resize(line.find('\n'));
  CHECK(cli::parse_first_line(line));
  const auto begin = line.find("commitbytes\":\"") + 14;
  line.replace(begin, line.find('"', begin) - begin,
               to_base64(std::string(cli::largest_commit + 1, 'x')));
  refused(line, "NATS takes no more than 1048576");
}

TEST_CASE("nobody else can read an export") {
  const auto mask = ::umask(0);
  const TemporaryFolder folder;
  MemoryLog log;
  for (const Commit& commit : small_story()) append(log, commit);
  export_to(folder.path() / "log", log, GENERATE(false, true));
  ::umask(mask);
  CHECK(std::filesystem::status(folder.path() / "log").permissions() ==
        std::filesystem::perms{0600});
}

TEST_CASE("commits in which nothing happened have lines of their own, and come back") {
  const bool compressed = GENERATE(false, true);
  MemoryLog log;
  append_among_claims(log, small_story());
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, compressed);
  for (const auto lines :
       {cli::ExportFile::Lines::as_written_today, cli::ExportFile::Lines::as_needed})
    CHECK(same_commits(read_export(file, lines), all_of(log)));
  MemoryLog restored;
  CHECK(import_from(file, restored).end == log.last());
  CHECK(same_commits(all_of(restored), all_of(log)));

  // However far an earlier export came.
  const std::string whole = read_text(file);
  for (std::size_t size = 0; size <= whole.size(); size += compressed ? 7 : 61) {
    write_text(file, whole.substr(0, size));
    export_to(file, log, compressed);
    REQUIRE((read_text(file) == whole));
  }
}

TEST_CASE("a claim's line tells who claims and when, a void commit's that it is one") {
  MemoryLog log;
  append_claim(log, seoul, after_minutes(1));
  append_hand_over(log, seoul, busan);
  append_void(log, busan, encode_commit(small_story().front()));
  append_from(log, busan, small_story().front());
  const TemporaryFolder folder;
  export_to(folder.path() / "log", log, false);
  std::istringstream text(read_text(folder.path() / "log"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  REQUIRE(lines.size() == 6);
  CHECK(lines[0].at("specversion") == "1.0");
  CHECK(lines[0].at("source") == "/jangbu/shop");
  CHECK(lines[0].at("id") == "1.0");
  CHECK(lines[0].at("type") == "WriterClaimed");
  CHECK(lines[0].at("time") == to_string(after_minutes(1)));
  CHECK(lines[0].at("commitauthor") == to_string(seoul.id) + " seoul");
  CHECK(lines[0].at("commitdecidedat") == "0");
  CHECK_FALSE(lines[0].contains("commitsuccessor"));
  CHECK(lines[1].at("type") == "WriterHandedOver");
  CHECK(lines[1].at("commitsuccessor") == to_string(busan.id));
  CHECK(lines[2].at("type") == "CommitVoid");
  CHECK(lines[2].at("commitdecidedat") == "7");
  CHECK_FALSE(lines[2].contains("time"));
  CHECK(lines[3].at("type") == "AccountOpened");
  CHECK(lines[3].at("commitauthor") == to_string(busan));
  CHECK_FALSE(lines[4].contains("commitauthor"));
  for (const auto& line : lines)
    for (const auto& [name, value] : line.items())
      CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == name.npos);
}

TEST_CASE("a line that says something else about a commit's origin is damaged") {
  MemoryLog log;
  append_claim(log, seoul);
  append_hand_over(log, seoul, busan);
  const TemporaryFolder folder;
  const auto file = folder.path() / "log";
  export_to(file, log, false);
  const std::string whole = read_text(file);
  const auto change = [&](const std::string& from, const std::string& to, const char* why) {
    std::string text = whole;
    REQUIRE(text.find(from) != text.npos);
    write_text(file, text.replace(text.rfind(from), from.size(), to));
    CAPTURE(from, to);
    CHECK_THROWS_MATCHES(read_export(file, cli::ExportFile::Lines::as_needed), Corrupt,
                         MessageMatches(ContainsSubstring(why)));
  };
  const std::string decided = R"("commitdecidedat":"1")";
  change(decided, R"("commitdecidedat":"2")", "does not fit its SHA-256");
  change(decided, R"("commitdecidedat":1)", "does not fit its SHA-256");
  change(decided, R"("commitdecidedat":"-1")", "does not tell its commit's");
  change(decided + ",", "", "does not fit its SHA-256");
  change(" seoul", " incheon", "does not fit its SHA-256");
  change(" seoul", "", "does not tell its commit's");
  change(R"("commitsuccessor":")" + to_string(busan.id) + "\",", "", "does not fit its SHA-256");
  change(to_string(busan.id), "busan", "does not tell its commit's");
  change(R"("type":"WriterHandedOver")", R"("type":"WriterClaimed")", "line 2 is not event 2.0");
}

}  // namespace jangbu::test
