// Golden files: events are read as they were written, by whichever build. See tests/golden.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>

#include "events/decoders.hpp"
#include "tests/golden/samples.hpp"
#include "tests/golden/story.hpp"
#include "tests/support/describe.hpp"
#include "tests/support/files.hpp"

namespace jangbu::test {

namespace {

const std::filesystem::path folder = JANGBU_GOLDEN_FOLDER;

std::string file_name(const WireType& wire) {
  return std::string(wire.name) + ".v" + std::to_string(wire.version);
}

}  // namespace

TEST_CASE("golden files are decoded to exactly the events they were written from") {
  for (const GoldenSample& sample : golden_samples()) {
    CAPTURE(sample.name);
    const std::string bytes = read_text(folder / (sample.name + ".bin"));
    const Commit commit = decode({{1}, {}, commit_format, bytes, {}});
    INFO(annotate(commit));
    CHECK(commit == sample.commit);
  }
}

TEST_CASE("today's events are encoded to exactly the bytes of their golden files") {
  for (const GoldenSample& sample : golden_samples()) {
    if (!sample.current) continue;
    CAPTURE(sample.name);
    const std::string bytes = read_text(folder / (sample.name + ".bin"));
    CHECK((encode_commit(sample.commit) == bytes));
    CHECK(annotate(sample.commit) == read_text(folder / (sample.name + ".txt")));
    CHECK(file_name(wire_type(sample.commit.events.front().event)) == sample.name);
  }
}

TEST_CASE("every version that can be read has a golden file, and every file is one") {
  std::set<std::string> samples;
  for (const GoldenSample& sample : golden_samples()) samples.insert(sample.name);
  for (const Decoder& decoder : decoders()) CHECK(samples.contains(file_name(decoder.wire)));
  CHECK(samples.size() == decoders().size());
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".bin") CHECK(samples.contains(entry.path().stem().string()));
}

TEST_CASE("the golden story has every event") {
  std::set<std::string_view> told, known;
  for (const Commit& commit : golden_story())
    for (const RecordedEvent& recorded : commit.events) told.insert(wire_type(recorded.event).name);
  for (const Decoder& decoder : current_decoders()) known.insert(decoder.wire.name);
  CHECK(told == known);
}

TEST_CASE("samples use every field: none is as it would be by default") {
  // A zero byte may be part of any number, but a text, a list or a key of a sample is never empty.
  for (const GoldenSample& sample : golden_samples()) {
    CAPTURE(sample.name);
    CHECK(annotate(sample.commit).find("size 0") == std::string::npos);
    CHECK(sample.commit.events.front().envelope.command_key);
  }
}

}  // namespace jangbu::test
