// The domain's values as text: for failing tests, and for the readable twins of golden files.
#pragma once

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "commands/decision.hpp"
#include "events/archive.hpp"
#include "events/commit.hpp"
#include "projections/views/shop.hpp"

namespace jangbu::test {

// A cereal archive that outputs a line per value: the offset of its bytes, the bytes, and their
// meaning.
class Annotation : public cereal::OutputArchive<Annotation, cereal::AllowEmptyClassElision> {
 public:
  Annotation() : OutputArchive(this) {}

  void write(const void* data, std::size_t size, const std::string& meaning);
  // Adds a line about the values that follow.
  void heading(const std::string& text) { text_ += "# " + text + '\n'; }

  const std::string& text() const { return text_; }

 private:
  std::size_t offset_ = 0;
  std::string text_;
};

template <class Number>
requires std::is_arithmetic_v<Number>
void CEREAL_SAVE_FUNCTION_NAME(Annotation& archive, const Number& number) {
  archive.write(&number, sizeof number, std::to_string(number));
}

template <class Value>
void CEREAL_SERIALIZE_FUNCTION_NAME(Annotation& archive, cereal::NameValuePair<Value>& pair) {
  archive(pair.value);
}

template <class Size>
void CEREAL_SAVE_FUNCTION_NAME(Annotation& archive, const cereal::SizeTag<Size>& tag) {
  const auto size = static_cast<std::uint64_t>(tag.size);
  archive.write(&size, sizeof size, "size " + std::to_string(size));
}

// char data are texts and codes; other bytes are ids.
template <class Data>
void CEREAL_SAVE_FUNCTION_NAME(Annotation& archive, const cereal::BinaryData<Data>& data) {
  const auto size = static_cast<std::size_t>(data.size);
  using Element = std::remove_cv_t<std::remove_pointer_t<std::decay_t<Data>>>;
  if constexpr (std::is_same_v<Element, char>) {
    archive.write(data.data, size,
                  '"' + std::string(static_cast<const char*>(data.data), size) + '"');
  } else {
    std::array<std::uint8_t, 16> uuid{};
    std::memcpy(uuid.data(), data.data, std::min(size, uuid.size()));
    archive.write(data.data, size, to_string(uuid));
  }
}

template <class Archive>
void heading(Archive& archive, const std::string& text) {
  if constexpr (requires { archive.heading(text); }) archive.heading(text);
}

// Save an event, and a commit, as events/README.md specifies them, into any cereal archive. The
// byte-order mark of a commit is not written here; cereal's PortableBinaryOutputArchive writes it
// by itself.
template <class Archive>
void save_event(Archive& archive, const RecordedEvent& recorded) {
  CommitOutput fact_alone;
  std::visit([&](const auto& fact) { fact_alone(fact); }, recorded.event);
  const WireType wire = wire_type(recorded.event);
  const Entity entity = entity_of(recorded.event);
  heading(archive,
          "type, version, kind and id of the entity; envelope: occurred at, no key?, key, request, "
          "correlation, causation, actor; size of the event");
  archive(std::string(wire.name), wire.version, static_cast<std::uint8_t>(entity.kind), entity.id,
          recorded.envelope, static_cast<std::uint32_t>(fact_alone.size()));
  heading(archive, "the event");
  std::visit([&](const auto& fact) { archive(fact); }, recorded.event);
}

template <class Archive>
void save_commit(Archive& archive, const Commit& commit) {
  archive(commit.committed_at, static_cast<std::uint64_t>(commit.events.size()));
  for (const RecordedEvent& recorded : commit.events) save_event(archive, recorded);
}

// The commit's bytes, one line per value.
std::string annotate(const Commit& commit);

std::string describe(const Event& event);
std::string describe(const Refusal& refusal);
std::string describe(const Decision& decision);

}  // namespace jangbu::test

CEREAL_SETUP_ARCHIVE_TRAITS(jangbu::test::Annotation, jangbu::test::Annotation)

namespace jangbu {

// How rapidcheck shows a counterexample. It looks here because events are in this namespace.
void showValue(const Event& event, std::ostream& out);
void showValue(const RecordedEvent& recorded, std::ostream& out);
void showValue(const Commit& commit, std::ostream& out);

}  // namespace jangbu
