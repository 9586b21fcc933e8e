// The bytes of the log. They are ours; but a disk, or a version of tomorrow, may have other ideas.
#include "events/commit.hpp"

#include "events/decoders.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace jangbu;

namespace {

std::optional<Commit> decoded(std::string_view payload,
                              std::span<const Decoder> versions = decoders()) {
  StoredCommit stored;
  stored.position = {7};
  stored.payload = payload;
  try {
    return decode(stored, versions);
  } catch (const Undecodable& refused) {
    invariant(refused.position() == stored.position, "a refusal tells the place");
    return std::nullopt;
  }
}

// What has no word cannot be shown to anybody.
template <class Fact>
void check_words(const Fact& fact) {
  if constexpr (requires { fact.state.member_type; }) {
    const auto [type, level] = std::pair(fact.state.member_type, fact.state.membership_level);
    invariant(parse_member_type(to_string(type)) == type, "a member's type has its word");
    invariant(level == MembershipLevel::none || parse_membership_level(to_string(level)) == level,
              "a member's level has its word");
  }
  if constexpr (requires { fact.scan.status; })
    for (const DeliveryStatus status : {fact.status, fact.scan.status})
      invariant(parse_delivery_status(to_string(status)) == status, "a status has its word");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload = fuzz::text_of(data, size);
  const auto commit = decoded(payload);
  if (!commit) return 0;
  for (const RecordedEvent& recorded : commit->events)
    std::visit([](const auto& fact) { check_words(fact); }, recorded.event);
  const std::string again = encode_commit(*commit);
  invariant(decoded(again) == commit, "a commit is decoded as it was encoded");
  if (decoded(payload, current_decoders()))
    invariant(again == payload, "today's versions have one form");
  for (std::size_t less = 1; less <= std::min<std::size_t>(size, 64); ++less)
    invariant(!decoded(payload.substr(0, size - less)), "a commit cut short is none");
  invariant(!decoded(std::string(payload) + '\0'), "nothing follows a commit");
  return 0;
}
