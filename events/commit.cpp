#include "events/commit.hpp"

#include <algorithm>
#include <utility>

#include "events/archive.hpp"
#include "events/decoders.hpp"

namespace jangbu {

namespace {

// PortableBinary's mark for little-endian bytes.
constexpr std::uint8_t little_endian = 1;

std::string describe(Position position, std::size_t index, const std::string& type,
                     unsigned version, const std::string& why) {
  std::string text = "event " + to_string(EventId{position, static_cast<std::uint32_t>(index)});
  if (!type.empty()) text += " of type " + type + " version " + std::to_string(version);
  return text + " cannot be read: " + why;
}

// Reads the events of a commit one by one and tracks the current one, so that an error can name its
// place and type.
class EventReader {
 public:
  EventReader(CommitInput& input, Position position, std::span<const Decoder> decoders)
      : input_(input), position_(position), decoders_(decoders) {}

  void next(RecordedEvent& recorded) {
    std::uint8_t kind = 0;
    EntityId entity;
    const std::uint32_t size = read_head(kind, entity, recorded.envelope);
    const std::size_t after = input_.left() - size;
    decoder()(input_, recorded.event);
    if (input_.left() != after) fail("its bytes are more or fewer than it needs");
    if (entity_of(recorded.event) != Entity{static_cast<EntityKind>(kind), entity})
      fail("it is about another entity than its envelope says");
    ++index_;
  }

  // Like next(), but skips the event's own bytes. `rest` begins at the event.
  void skip(StoredEvent& event, std::string_view rest) {
    std::uint8_t kind = 0;
    const std::uint32_t size = read_head(kind, event.entity, event.envelope);
    input_.take(size);
    event.type = type_;
    event.version = version_;
    event.kind = static_cast<EntityKind>(kind);
    event.bytes = rest.substr(0, rest.size() - input_.left());
    ++index_;
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Undecodable(position_, index_, std::string(type_), version_, why);
  }

 private:
  // Reads up to the event's own bytes and returns their size.
  std::uint32_t read_head(std::uint8_t& kind, EntityId& entity, Envelope& envelope) {
    type_ = {};
    version_ = 0;
    std::uint64_t type_size = 0;
    std::uint32_t size = 0;
    input_(type_size);
    type_ = input_.take(type_size);
    input_(version_, kind, entity, envelope, size);
    input_.require(size);
    return size;
  }

  Decoder::Function decoder() const {
    const WireType wanted{type_, version_};
    for (const Decoder& decoder : decoders_)
      if (decoder.wire == wanted) return decoder.decode;
    fail("this build does not know it. Run the version of jangbu that wrote it, or a newer one");
  }

  CommitInput& input_;
  Position position_;
  std::span<const Decoder> decoders_;
  std::size_t index_ = 0;
  std::string_view type_;
  std::uint16_t version_ = 0;
};

void write_head(CommitOutput& output, Timestamp committed_at, std::uint64_t events) {
  output(little_endian, committed_at, events);
}

void write(CommitOutput& output, const RecordedEvent& recorded) {
  const WireType wire = wire_type(recorded.event);
  const Entity entity = entity_of(recorded.event);
  std::uint32_t size = 0;
  output(std::uint64_t{wire.name.size()});
  output.write(wire.name.data(), wire.name.size());
  output(wire.version, static_cast<std::uint8_t>(entity.kind), entity.id, recorded.envelope, size);
  const std::size_t start = output.size();
  std::visit([&](const auto& fact) { output(fact); }, recorded.event);
  size = static_cast<std::uint32_t>(output.size() - start);
  output.patch(start - sizeof size, &size, sizeof size);
}

// Reads a commit's head, and has `read_event` read each event into its place, over what is there.
// Returns the commit's time.
template <class Item, class ReadEvent>
Timestamp read_commit(const StoredCommit& stored, std::span<const Decoder> decoders,
                      std::vector<Item>& events, ReadEvent read_event) {
  CommitInput input(stored.payload);
  EventReader reader(input, stored.position, decoders);
  if (stored.format != commit_format)
    reader.fail("its commit has format " + std::to_string(stored.format) +
                ", this build reads format " + std::to_string(commit_format));
  try {
    Timestamp committed_at;
    std::uint8_t byte_order = 0;
    std::uint64_t count = 0;
    input(byte_order, committed_at, count);
    if (byte_order != little_endian) reader.fail("its commit does not begin as one");
    input.require(count);
    events.reserve(std::min<std::size_t>(count, 4096));
    for (std::uint64_t i = 0; i < count; ++i)
      read_event(reader, i < events.size() ? events[i] : events.emplace_back(),
                 stored.payload.substr(stored.payload.size() - input.left()));
    events.resize(count);
    if (input.left() != 0) reader.fail("bytes follow the last event of its commit");
    return committed_at;
  } catch (const std::out_of_range& error) {  // what CommitInput throws
    reader.fail(error.what());
  } catch (const cereal::Exception& error) {
    reader.fail(error.what());
  }
}

void decode_over(const StoredCommit& stored, Commit& commit, std::span<const Decoder> decoders) {
  if (stored.is_void()) {
    commit = {};
    return;
  }
  commit.committed_at = read_commit(
      stored, decoders, commit.events,
      [](EventReader& reader, RecordedEvent& event, std::string_view) { reader.next(event); });
}

}  // namespace

Undecodable::Undecodable(Position position, std::size_t index, std::string type, unsigned version,
                         const std::string& why)
    : Corrupt(describe(position, index, type, version, why)),
      position_(position),
      index_(index),
      type_(std::move(type)),
      version_(version) {}

std::string encode(const RecordedEvent& recorded) {
  CommitOutput output;
  write(output, recorded);
  return output.take();
}

std::string encode_commit(Timestamp committed_at, const std::vector<std::string>& encoded_events) {
  CommitOutput output;
  write_head(output, committed_at, encoded_events.size());
  for (const std::string& event : encoded_events) output.write(event.data(), event.size());
  return output.take();
}

std::string encode_commit(const Commit& commit) {
  CommitOutput output;
  write_head(output, commit.committed_at, commit.events.size());
  for (const RecordedEvent& event : commit.events) write(output, event);
  return output.take();
}

Commit decode(const StoredCommit& stored) {
  return decode(stored, decoders());
}

Commit decode(const StoredCommit& stored, std::span<const Decoder> decoders) {
  Commit commit;
  decode_over(stored, commit, decoders);
  return commit;
}

void decode(const StoredCommit& stored, Commit& into) {
  decode_over(stored, into, decoders());
}

std::vector<StoredEvent> list_events(const StoredCommit& stored) {
  std::vector<StoredEvent> events;
  if (stored.is_void()) return events;
  read_commit(stored, {}, events,
              [](EventReader& reader, StoredEvent& event, std::string_view rest) {
                reader.skip(event, rest);
              });
  return events;
}

}  // namespace jangbu
