// Messages between instances of one cluster, sealed: NATS lets everybody who may publish to a
// subject speak there, but only who has the cluster secret is listened to.
//
// A sealed message is `HMAC-SHA256(secret, length(context) context bytes) bytes`, the length as 8
// bytes, big-endian. The context is not in the message, since both sides know it: what kind of
// message this is, the term, and, in an answer, what it answers. So a message is not taken for one
// of another kind, nor an old answer for a new one.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace jangbu::cluster {

inline constexpr std::size_t min_secret = 32;  // characters

std::string seal(std::string_view secret, std::string_view context, std::string_view bytes);

// The bytes, where they are in `sealed`; nullopt unless they were sealed with this secret in this
// context.
std::optional<std::string_view> open(std::string_view secret, std::string_view context,
                                     std::string_view sealed);

// The secret in the file of --cluster-secret, without line breaks at its end. Throws
// std::runtime_error that says what is wrong with the file.
std::string load_secret(const std::filesystem::path& file);

// The secret of instances that were given none: what signs their quotes has to be the same at all
// of them anyway.
std::string secret_from_quotes(std::string_view quote_secret);

}  // namespace jangbu::cluster
